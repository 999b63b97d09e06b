"""SAEs in formats that sae-lens does not read from disk.

They are Gemma Scope's params.npz, Gemma Scope 2's params.safetensors, and the paper's own torch
files.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 (the error alone: nothing is unpickled here)
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from sae_lens import SAE, JumpReLUSAE, JumpReLUSAEConfig, StandardSAE, StandardSAEConfig
from safetensors.torch import load_file
from torch import Tensor

from backend.data.hub import BY_WRONG_FILES
from backend.errors import BadSetup, Unavailable
from backend.rim import MB, parse_json, read_text

GEMMA_SCOPE = "params.npz"
GEMMA_SCOPE_2 = "params.safetensors"
JUMP_RELU = ("W_enc", "W_dec", "b_enc", "b_dec", "threshold")
PLAIN = {
    "activation_function": "relu",
    "scale_input_norm": False,
    "use_gated_sparse_autoencoder": False,
    "different_output": False,
}
"""Settings of a plain ReLU SAE in the paper's files."""
_CONFIG = "sae.config.Config"


def load_gemma_scope(folder: Path, hook_name: str | None, device: str) -> SAE:
    """Lieberum et al. 2024: JumpReLU, the decoder's bias not taken off the input.

    Raises BadSetup without a hook, or for other arrays.
    """
    if hook_name is None:
        raise BadSetup(
            f"{folder / GEMMA_SCOPE} does not say which hook it reads: "
            'give hook_name in [sae], such as "blocks.7.hook_resid_post".'
        )
    with np.load(folder / GEMMA_SCOPE, allow_pickle=False) as arrays:
        state = {
            name.replace("w_", "W_"): torch.from_numpy(arrays[name]).float() for name in arrays
        }
    return _jump_relu(state, folder / GEMMA_SCOPE, hook_name, device)


def load_gemma_scope_2(folder: Path, hook_name: str | None, model: str | None, device: str) -> SAE:
    """Gemma Scope 2, of Gemma 3: the same form in safetensors. `hook_name` and `model` are said by
    the config.json beside it where they are not given here.

    Raises BadSetup without a hook, for a config.json of another form, or for other tensors.
    """
    if hook_name is None:
        hook_name, model = _said_in(folder / "config.json")
    state = {
        name.replace("w_", "W_"): tensor.float()
        for name, tensor in load_file(folder / GEMMA_SCOPE_2).items()
    }
    sae = _jump_relu(state, folder / GEMMA_SCOPE_2, hook_name, device)
    sae.cfg.metadata.model_name = model
    return sae


def _said_in(config: Path) -> tuple[str, str | None]:
    """The hook and the model that Gemma Scope 2's config.json names."""
    text = read_text(config, MB, "The SAE's file") if config.exists() else "null"
    said = parse_json(text, f"The SAE's file {config}")
    said = said if isinstance(said, dict) else {}
    block = re.fullmatch(r"model\.layers\.(\d+)\.output", str(said.get("hf_hook_point_in")))
    if block is None or said.get("architecture") != "jump_relu":
        raise BadSetup(
            f"{config} does not say that it is of a JumpReLU SAE, and of which block's output: "
            'give hook_name in [sae], such as "blocks.7.hook_resid_post".'
        )
    model = said.get("model_name")
    named = model.replace("gemma-v3", "gemma-3") if isinstance(model, str) else None
    return f"blocks.{block[1]}.hook_resid_post", named


def _jump_relu(state: dict[str, Tensor], file: Path, hook_name: str, device: str) -> SAE:
    _check(state, JUMP_RELU, file)
    d_in, d_sae = state["W_enc"].shape
    config = JumpReLUSAEConfig(d_in=d_in, d_sae=d_sae, device=device, apply_b_dec_to_input=False)
    return _made(JumpReLUSAE(config), state, hook_name)


class _Settings:
    """Stands in for the class of the paper's settings.

    Its fields become attributes; none of its code runs.
    """


_Settings.__module__, _Settings.__qualname__ = _CONFIG.rsplit(".", 1)


def load_torch_file(file: Path, device: str) -> SAE:
    """Farrell et al. 2024, sae/sparse_autoencoder.py: a plain ReLU SAE.

    The file holds {"cfg": settings, "state_dict": W_enc, b_enc, W_dec, b_dec, b_pre}. Read with
    weights_only: a file that would need to run code to be read is refused with BadSetup, as is one
    whose tensors or settings are not those of a plain ReLU SAE.
    """
    content = _torch_content(file)
    if not isinstance(content, dict) or not {"cfg", "state_dict"} <= set(content):
        raise BadSetup(
            f'The SAE {file} must hold "cfg" and "state_dict", as Farrell et al. save theirs.'
        )
    cfg = content["cfg"]
    settings: Mapping[str, Any] = cfg if isinstance(cfg, dict) else vars(cfg)
    for name, value in PLAIN.items():
        if settings.get(name, value) != value:
            raise BadSetup(
                f"The SAE {file} has {name} = {settings[name]!r}: "
                f"clamps are exact only for {value!r}."
            )
    for name in ("hook_point", "d_in", "subtract_b_dec_from_inputs"):
        if name not in settings:
            raise BadSetup(f"The SAE {file} does not say its {name}.")
    state = {name: tensor.float() for name, tensor in content["state_dict"].items()}
    before = state.pop("b_pre", None)
    _check(state, ("W_enc", "W_dec", "b_enc", "b_dec"), file)
    d_in, d_sae = state["W_enc"].shape
    if settings["d_in"] != d_in:
        raise BadSetup(
            f"The SAE {file} contradicts itself: d_in is {settings['d_in']}, "
            f"but its encoder reads {d_in} numbers."
        )
    if before is not None and not torch.equal(before, state["b_dec"]):
        raise BadSetup(
            f"The SAE {file} takes another bias off its input than it adds to its output: "
            "the edit would not be exact."
        )
    config = StandardSAEConfig(
        d_in=d_in,
        d_sae=d_sae,
        device=device,
        apply_b_dec_to_input=bool(settings["subtract_b_dec_from_inputs"]),
    )
    return _made(StandardSAE(config), state, str(settings["hook_point"]))


def _torch_content(file: Path) -> object:
    try:
        with torch.serialization.safe_globals([(_Settings, _CONFIG)]):
            return torch.load(file, map_location="cpu", weights_only=True)
    except (UnpicklingError, BadZipFile, EOFError, OSError, ValueError, *BY_WRONG_FILES) as error:
        if "weights_only" in str(error) or "Unsupported" in str(error):
            raise BadSetup(
                f"The SAE {file} was not read: it would have to run code of its own to be read. "
                "Save it as plain tensors."
            ) from error
        raise Unavailable(
            f"The SAE {file} is damaged or no torch file. Delete it and fetch it again."
        ) from error


def _check(state: dict[str, Tensor], names: tuple[str, ...], file: Path) -> None:
    if set(state) != set(names):
        raise BadSetup(
            f"The SAE {file} holds {', '.join(sorted(state))}; expected {', '.join(names)}."
        )
    d_in, d_sae = state["W_enc"].shape if state["W_enc"].ndim == 2 else (0, 0)
    shapes = {"W_dec": (d_sae, d_in), "b_enc": (d_sae,), "b_dec": (d_in,), "threshold": (d_sae,)}
    for name in names[1:]:
        if tuple(state[name].shape) != shapes[name]:
            raise BadSetup(
                f"The SAE {file} does not fit together: {name} is {tuple(state[name].shape)}, "
                f"expected {shapes[name]} beside W_enc."
            )


def _made(sae: SAE, state: dict[str, Tensor], hook_name: str) -> SAE:
    sae.load_state_dict(state)
    sae.cfg.metadata.hook_name = hook_name
    return sae
