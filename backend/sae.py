"""Load any SAE that sae-lens loads and for which the edit of backend.clamps is exact; refuse the rest."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from sae_lens import SAE
from torch import Tensor

from backend.errors import BadSetup, Unavailable
from backend.setups import SaeSource

EXACT = ("standard", "jumprelu", "topk", "batchtopk", "gated")


@dataclass(frozen=True)
class LoadedSae:
    """An SAE in float32, with what a page says about it."""

    sae: SAE
    hook_name: str
    title: str
    W_dec: Float[Tensor, "d_sae d_in"]
    """What one unit of each feature adds to the reconstruction. Not always sae-lens's parameter of that name: a TopK
    SAE may divide its activations by the decoder's norm on the way (`rescale_acts_by_decoder_norm`)."""

    @property
    def d_sae(self) -> int:
        return self.sae.cfg.d_sae

    @property
    def d_in(self) -> int:
        return self.sae.cfg.d_in

    @torch.inference_mode()
    def encode(self, resid: Float[Tensor, "... d_in"]) -> Float[Tensor, "... d_sae"]:
        return self.sae.encode(resid.float())


def load_sae(source: SaeSource, device: str) -> LoadedSae:
    """Raises Unavailable if it cannot be read, BadSetup if clamping it would not be exact."""
    title = str(source.path.name if source.path else f"{source.release}/{source.sae_id}")
    if source.path is not None and not (source.path / "cfg.json").exists():
        raise Unavailable(f"There is no SAE in {source.path}: cfg.json and sae_weights.safetensors were expected there.")
    try:
        if source.path is not None:
            sae = SAE.load_from_disk(str(source.path), device=device, dtype="float32")
        else:
            sae = SAE.from_pretrained(source.release, source.sae_id, device=device, dtype="float32")
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise Unavailable(f"The SAE '{title}' cannot be loaded: {str(error).splitlines()[0]}") from error
    cfg = sae.cfg
    if cfg.architecture() not in EXACT:
        raise BadSetup(f"The SAE '{title}' is of architecture '{cfg.architecture()}'; clamps are exact for {', '.join(EXACT)} only.")
    if cfg.normalize_activations != "none" or cfg.reshape_activations != "none":
        raise BadSetup(
            f"The SAE '{title}' normalises or reshapes its input (normalize_activations = '{cfg.normalize_activations}', "
            f"reshape_activations = '{cfg.reshape_activations}'): the edit would not be exact. Fold the normalisation into its weights first."
        )
    if not cfg.metadata.hook_name:
        raise BadSetup(f"The SAE '{title}' does not say which hook it reads (metadata.hook_name in cfg.json).")
    sae = sae.eval().requires_grad_(False)
    return LoadedSae(sae, cfg.metadata.hook_name, title, _decoder_rows(sae))


def _decoder_rows(sae: SAE) -> Float[Tensor, "d_sae d_in"]:
    rescaled = getattr(sae.cfg, "rescale_acts_by_decoder_norm", False)
    return sae.W_dec / sae.W_dec.norm(dim=-1, keepdim=True) if rescaled else sae.W_dec


def fingerprint(source: SaeSource) -> str:
    """Changes whenever the SAE may have changed: the hash of its files, or its name on the hub."""
    if source.path is None:
        return f"{source.release}/{source.sae_id}"
    digest = hashlib.sha256()
    for file in sorted(Path(source.path).glob("*")):
        if file.suffix in (".json", ".safetensors"):
            digest.update(file.read_bytes())
    return digest.hexdigest()
