"""SAEs in formats that sae-lens does not read from disk.

They are Gemma Scope's params.npz, and the paper's own torch files.
"""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 (the error alone: nothing is unpickled here)
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from sae_lens import SAE, JumpReLUSAE, JumpReLUSAEConfig, StandardSAE, StandardSAEConfig
from torch import Tensor

from backend.data.hub import BY_WRONG_FILES
from backend.errors import BadSetup, Unavailable

GEMMA_SCOPE = "params.npz"
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
    _check(state, ("W_enc", "W_dec", "b_enc", "b_dec", "threshold"), folder / GEMMA_SCOPE)
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
