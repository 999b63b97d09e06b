"""What is known of an SAE on this machine without loading it: which it is, and how wide."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open

from backend.setups import SaeSource

if TYPE_CHECKING:
    from torch import Tensor


def fingerprint(source: SaeSource, weights: "Callable[[], dict[str, Tensor]]") -> str:
    """Changes whenever the SAE may have changed.

    The hash of its files, or of the weights that came from the hub, which are asked for then.
    """
    digest = hashlib.sha256()
    if source.path is None:
        for name, tensor in sorted(weights().items()):
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()
    files = sorted(source.path.glob("*")) if source.path.is_dir() else [source.path]
    for file in files:
        if file.suffix in (".json", ".safetensors", ".npz", ".pt"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def width_of(source: SaeSource) -> int | None:
    """How many features it has; None where that is not told without loading it."""
    if source.path is None or not source.path.is_dir():
        return None
    try:
        width = json.loads((source.path / "cfg.json").read_bytes())["d_sae"]
        return width if isinstance(width, int) else None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        with safe_open(source.path / "params.safetensors", framework="numpy") as params:
            return int(params.get_slice("b_enc").get_shape()[0])
    except (OSError, SafetensorError, IndexError):
        pass
    try:
        with (
            zipfile.ZipFile(source.path / "params.npz") as params,
            params.open("b_enc.npy") as file,
        ):
            np.lib.format.read_magic(file)
            (width,), _, _ = np.lib.format.read_array_header_1_0(file)
            return int(width)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
