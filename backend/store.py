"""Files under cache/: addressed by a hash of all that can change them, written whole or not at all.

A damaged file is a miss, said in the log; nothing here is ever read with pickle.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from backend.errors import Unavailable

log = logging.getLogger(__name__)

SCRATCH = ".part-"
ROOT = Path(__file__).resolve().parent.parent


def cache_folder() -> Path:
    """cache/ beside the program, or $CLAMPBOARD_CACHE."""
    return Path(os.environ.get("CLAMPBOARD_CACHE", ROOT / "cache"))


def key(spec: dict[str, Any]) -> str:
    """A short content address: the order of the spec's keys does not matter."""
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A scratch path that takes `path`'s place when the block ends well.

    Raises Unavailable if the disk will not have it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=SCRATCH)
        os.close(handle)
        try:
            yield Path(scratch)
            Path(scratch).replace(path)
        finally:
            Path(scratch).unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        raise Unavailable(
            f"{path} cannot be written ({getattr(error, 'strerror', None) or error}). "
            "Free some disk space, or point CLAMPBOARD_CACHE at a folder that can be written."
        ) from error


def sweep_leftovers(folder: Path, older_than_s: float = 3600) -> None:
    """Remove what writers that were killed left behind.

    Younger scratch files stay: they may be another process's.
    """
    for scratch in folder.glob(f"{SCRATCH}*"):
        try:
            if time.time() - scratch.stat().st_mtime > older_than_s:
                scratch.unlink()
        except FileNotFoundError:
            continue  # another process was faster


def write_json(path: Path, value: Any) -> None:
    with replacing(path) as scratch:
        scratch.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def read_json(path: Path) -> Any | None:
    """The value, or None if the file is not there or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _say_damaged(path, error)
        return None


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    with replacing(path) as scratch:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, scratch)


def read_tensors(path: Path) -> dict[str, Tensor] | None:
    """Memory-mapped tensors, or None if the file is not there or damaged."""
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            names = file.keys()  # noqa: SIM118 (safe_open is no dict)
            return {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError) as error:
        _say_damaged(path, error)
        return None


def _say_damaged(path: Path, error: Exception) -> None:
    log.warning("%s is damaged (%s); it is computed again", path, error)


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def check_room(folder: Path, needed_bytes: int) -> None:
    """Make the folder, and see that it has room.

    Raises Unavailable, naming it and both sizes, unless that much is free on its disk.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"{folder} cannot be written ({error.strerror}). "
            "Point CLAMPBOARD_CACHE at a folder that can."
        ) from error
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise Unavailable(
            f"Not enough disk space in {folder}: {needed_bytes / 1e6:,.0f} MB are needed, "
            f"{free / 1e6:,.0f} MB are free. "
            "Free some space, or point CLAMPBOARD_CACHE at another disk."
        )
