"""Any SAE that sae-lens loads and for which the edit of backend.interventions.edit is exact.

The rest is refused.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from jaxtyping import Float
from sae_lens import SAE
from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory
from torch import Tensor

from backend.data.hub import fetching
from backend.errors import BadSetup, Unavailable
from backend.model.sae_files import (
    GEMMA_SCOPE,
    GEMMA_SCOPE_2,
    load_gemma_scope,
    load_gemma_scope_2,
    load_torch_file,
)
from backend.rim import check_folder, shown
from backend.setups import SaeSource

EXACT = ("standard", "gated", "topk", "jumprelu")
"""Architectures for which clamps are exact."""
IN_A_FOLDER = ("cfg.json", GEMMA_SCOPE, GEMMA_SCOPE_2)
"""One of these an SAE's folder has."""
MOST_WORDS = 200
"""Characters of a name in an SAE's metadata."""


@dataclass(frozen=True)
class LoadedSae:
    """An SAE in float32, with what a page says about it."""

    sae: SAE
    hook_name: str
    title: str
    W_dec: Float[Tensor, "d_sae d_in"]
    """What one unit of each feature adds to the reconstruction.

    Not always sae-lens's parameter of that name: a TopK SAE may divide its activations by the
    decoder's norm on the way (`rescale_acts_by_decoder_norm`).
    """

    @property
    def d_sae(self) -> int:
        return self.sae.cfg.d_sae

    @property
    def d_in(self) -> int:
        return self.sae.cfg.d_in

    @property
    def neuronpedia_id(self) -> str | None:
        """The SAE's pages on neuronpedia.org, as "model/source", where its metadata names them."""
        return self.sae.cfg.metadata.neuronpedia_id

    def used_elsewhere(self, model: str) -> str:
        """A sentence where the SAE says that it was trained on another model; else empty."""
        trained = self.sae.cfg.metadata.model_name
        same = not trained or trained.split("/")[-1].lower() == model.split("/")[-1].lower()
        return "" if same else f"The SAE was trained on {trained} and is used here on {model}."

    def trained_on(self, model: str) -> str:
        """A sentence on whether the SAE was trained on this model; empty where it does not say."""
        if not self.sae.cfg.metadata.model_name:
            return ""
        return self.used_elsewhere(model) or "The SAE was trained on this very model."

    @cached_property
    def dec_norms(self) -> Float[Tensor, " d_sae"]:
        """Lengths of W_dec's rows."""
        return self.W_dec.norm(dim=-1)

    @torch.inference_mode()
    def encode(self, resid: Float[Tensor, "... d_in"]) -> Float[Tensor, "... d_sae"]:
        return self.sae.encode(resid.float())


def load_sae(source: SaeSource, device: str) -> LoadedSae:
    """Raises Unavailable if it cannot be read, BadSetup if clamping it would not be exact."""
    title = str(source.path.name if source.path else f"{source.release}/{source.sae_id}")
    if (
        source.path is not None
        and not source.path.is_file()
        and not any((source.path / name).exists() for name in IN_A_FOLDER)
    ):
        raise Unavailable(
            f"There is no SAE in {source.path}: cfg.json and sae_weights.safetensors, or "
            "params.npz, or params.safetensors, were expected there."
        )
    with fetching("SAE", title, _repository(source)):
        if source.path is not None and source.path.is_dir():
            check_folder(source.path, "The SAE's file")
        sae = _load(source, device)
    cfg = sae.cfg
    if cfg.architecture() not in EXACT:
        raise BadSetup(
            f"The SAE '{title}' is of architecture '{cfg.architecture()}'; "
            f"clamps are exact for {', '.join(EXACT)} only."
        )
    if cfg.normalize_activations != "none" or cfg.reshape_activations != "none":
        raise BadSetup(
            f"The SAE '{title}' normalises or reshapes its input "
            f"(normalize_activations = '{cfg.normalize_activations}', "
            f"reshape_activations = '{cfg.reshape_activations}'): the edit would not be exact. "
            "Fold the normalisation into its weights first."
        )
    if not cfg.metadata.hook_name:
        raise BadSetup(
            f"The SAE '{title}' does not say which hook it reads (metadata.hook_name in cfg.json)."
        )
    for name in ("hook_name", "model_name", "neuronpedia_id"):
        value = getattr(cfg.metadata, name)
        if value is not None and (not isinstance(value, str) or len(value) > MOST_WORDS):
            raise BadSetup(
                f"The SAE '{title}' has metadata.{name} = {shown(value)} in cfg.json: "
                "a short text was expected."
            )
    if any(map(_broken, sae.state_dict().items())):
        raise Unavailable(
            f"The SAE '{title}' has weights that are no finite numbers: it is damaged. "
            "Fetch it again, or train another."
        )
    cfg.metadata.neuronpedia_id = cfg.metadata.neuronpedia_id or _page_of_same_weights(source)
    sae = sae.eval().requires_grad_(False)
    return LoadedSae(sae, cfg.metadata.hook_name, title, _decoder_rows(sae))


def _broken(named: tuple[str, Tensor]) -> bool:
    """A threshold may be infinite: its feature never fires."""
    name, tensor = named
    return bool((tensor.isnan() if name == "threshold" else ~tensor.isfinite()).any())


def _load(source: SaeSource, device: str) -> SAE:
    if source.path is None:
        assert source.release is not None and source.sae_id is not None
        if source.sae_id.endswith(".pt"):
            file = Path(hf_hub_download(source.release, source.sae_id))
            return load_torch_file(file, device).to(device)
        if (fetched := _gemma_scope_2(source.release, source.sae_id, device)) is not None:
            return fetched
        return SAE.from_pretrained(source.release, source.sae_id, device=device, dtype="float32")
    if source.path.is_file():
        return load_torch_file(source.path, device).to(device)
    if (source.path / GEMMA_SCOPE).exists():
        return load_gemma_scope(source.path, source.hook_name, device).to(device)
    if (source.path / GEMMA_SCOPE_2).exists():
        return load_gemma_scope_2(source.path, source.hook_name, None, device).to(device)
    return SAE.load_from_disk(str(source.path), device=device, dtype="float32")


def _gemma_scope_2(release: str, sae_id: str, device: str) -> SAE | None:
    """An SAE of Gemma Scope 2 on the residual stream; None for any other.

    sae-lens asks the hub for the file's header each time it loads one, with the file in the cache
    too: without a network it does not open what is there.
    """
    listed = get_pretrained_saes_directory().get(release)
    folder = listed.saes_map.get(sae_id, "") if listed else ""
    block = re.fullmatch(r"resid_post\w*/layer_(\d+)_\w+", folder)
    if listed is None or listed.conversion_func != "gemma_3" or block is None:
        return None
    file = Path(hf_hub_download(listed.repo_id, f"{folder}/{GEMMA_SCOPE_2}"))
    hook_name = f"blocks.{block[1]}.hook_resid_post"
    return load_gemma_scope_2(file.parent, hook_name, listed.model, device).to(device)


def _repository(source: SaeSource) -> str | None:
    """Where on the hub the SAE lies; None if it is on this machine."""
    if source.path is not None:
        return None
    listed = get_pretrained_saes_directory().get(source.release)
    return listed.repo_id if listed else source.release


def _page_of_same_weights(source: SaeSource) -> str | None:
    """Neuronpedia's page where sae-lens names it under another release of the very same file.

    Of Gemma Scope's SAEs it does so for the "canonical" one alone, which is one of those named by
    their L0.
    """
    releases = get_pretrained_saes_directory()
    own = releases.get(source.release) if source.path is None else None
    file = own.saes_map.get(source.sae_id) if own else None
    if own is None or file is None:
        return None
    pages = (
        release.neuronpedia_id.get(sae_id)
        for release in releases.values()
        if release.repo_id == own.repo_id
        for sae_id, path in release.saes_map.items()
        if path == file
    )
    return next((page for page in pages if page), None)


def _decoder_rows(sae: SAE) -> Float[Tensor, "d_sae d_in"]:
    """LoadedSae.W_dec."""
    rescaled = getattr(sae.cfg, "rescale_acts_by_decoder_norm", False)
    return sae.W_dec / sae.W_dec.norm(dim=-1, keepdim=True) if rescaled else sae.W_dec
