"""Files under cache/: addressed by a hash of all that can change them, written whole or not at all,
and sealed with a hash of their content and of the place they belong to.

A file that is damaged, cut short, or put in another's place is a miss, said once; nothing here is
ever read with pickle. A file of the user's is set aside, never deleted.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from backend.errors import Unavailable
from backend.notices import notice

SCRATCH = ".part-"
LOCK = ".lock"
DAMAGED = ".damaged"
WAIT_S = 0.2
SEAL = re.compile(rb'\n\{"sha256": "([0-9a-f]{64})"\}\n\Z')
"""The last line of a sealed file, JSON itself, so that JSON lines stay JSON lines."""
SEAL_BYTES = len('\n{"sha256": ""}\n') + 64
ROOT = Path(__file__).resolve().parent.parent


def cache_folder() -> Path:
    """cache/ beside the program, or $CLAMPBOARD_CACHE."""
    return Path(os.environ.get("CLAMPBOARD_CACHE", ROOT / "cache"))


def key(spec: dict[str, Any]) -> str:
    """A short content address: the order of the spec's keys does not matter."""
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


# -- one writer at a time -------------------------------------------------------------------------


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file `path` against every other thread and process.

    `on_wait` is called while another holds it; raising from it gives up. Where no lock can be made
    nothing can be written either, and the block runs without one.
    """
    lock = FileLock(path)
    while not _taken(lock):
        on_wait()
    try:
        yield
    finally:
        lock.release()


def _taken(lock: FileLock) -> bool:
    """Whether it is ours now, or cannot be made."""
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=WAIT_S)
    except Timeout:
        return not Path(lock.lock_file).exists()  # in /proc, say, none can ever be made
    except OSError:
        pass
    return True


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A scratch path whose file takes `path`'s place when the block ends well; on disk by then.

    A link is followed, and into a device or a pipe the content is copied. Raises Unavailable if the
    disk will not have it.
    """
    try:
        if path.exists() and not path.is_file():
            with tempfile.TemporaryDirectory() as folder:
                yield Path(folder) / "content"
                _pour(Path(folder) / "content", path)
            return
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.parent / f"{SCRATCH}{secrets.token_hex(6)}"
        lock = Path(f"{scratch}{LOCK}")
        # Nobody else knows this name: what cannot be had at once can never be.
        with FileLock(lock, timeout=0):
            try:
                yield scratch
                scratch.chmod(lock.stat().st_mode & 0o666)  # the lock has what the umask leaves
                sync(scratch)
                scratch.replace(target)
                sync(target.parent)
            finally:
                scratch.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        raise Unavailable(
            f"{path} cannot be written ({getattr(error, 'strerror', None) or error}). "
            "Free some disk space, or point CLAMPBOARD_CACHE at a folder that can be written."
        ) from error


def _pour(content: Path, into: Path) -> None:
    """Into a device, or a pipe that somebody reads."""
    handle = os.open(into, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(handle, True)
    with content.open("rb") as source, os.fdopen(handle, "wb") as target:
        shutil.copyfileobj(source, target)


def sync(path: Path) -> None:
    """Wait until it is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep_leftovers(folder: Path) -> None:
    """Remove, at any depth, what writers that were killed left behind: nobody holds its lock."""
    for scratch in folder.rglob(f"{SCRATCH}*"):
        lock = scratch if scratch.name.endswith(LOCK) else Path(f"{scratch}{LOCK}")
        with suppress(OSError, Timeout), FileLock(lock, timeout=0):
            left = Path(str(lock).removesuffix(LOCK))
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)


@contextmanager
def if_it_can_be_kept(what: str) -> Iterator[None]:
    """What is written in the block is worth keeping, not worth failing for: it is said."""
    try:
        yield
    except Unavailable as error:
        notice(f"{what} cannot be kept and will be computed again next time: {error}")


# -- sealed files ---------------------------------------------------------------------------------


def write_bytes(path: Path, content: bytes) -> None:
    """Raises Unavailable if the disk will not have it."""
    with replacing(path) as scratch:
        scratch.write_bytes(content + b'\n{"sha256": "%b"}\n' % _seal(path, content).encode())


def read_bytes(path: Path, *, users: bool = False) -> bytes | None:
    """The content, or None if the file is not there, or is not what was written there.

    What is `users` is set aside then.
    """
    try:
        whole = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        notice(f"{path} cannot be read ({error.strerror or error}); it is passed over.")
        return None
    content = unsealed(path, whole)
    if content is None:
        (set_aside if users else _say_damaged)(path)
    return content


def unsealed(path: Path, whole: bytes) -> bytes | None:
    """The content of a sealed file's bytes, or None if they are not what was written there."""
    content, last = whole[:-SEAL_BYTES], SEAL.match(whole[-SEAL_BYTES:])
    return content if last is not None and last[1].decode() == _seal(path, content) else None


def write_json(path: Path, value: Any) -> None:
    write_bytes(path, json.dumps(value, ensure_ascii=False).encode())


def read_json(path: Path, *, users: bool = False) -> Any | None:
    """The value, or None: see `read_bytes`."""
    content = read_bytes(path, users=users)
    return None if content is None else json.loads(content)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """As Parquet."""
    content = BytesIO()
    table.to_parquet(content)
    write_bytes(path, content.getvalue())


def read_table(path: Path) -> pd.DataFrame | None:
    """The table, or None: see `read_bytes`."""
    content = read_bytes(path)
    return None if content is None else pd.read_parquet(BytesIO(content))


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with replacing(path) as scratch:
        save_file(whole, scratch, metadata={"sha256": _seal_tensors(path, whole)})


def read_tensors(path: Path) -> dict[str, Tensor] | None:
    """Memory-mapped tensors, or None if the file is not there, or is not what was written there."""
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            names = file.keys()  # noqa: SIM118 (safe_open is no dict)
            tensors = {name: file.get_tensor(name) for name in names}
            seal = (file.metadata() or {}).get("sha256")
    except PermissionError as error:
        notice(f"{path} cannot be read ({error.strerror or error}); it is passed over.")
        return None
    except (OSError, SafetensorError):
        _say_damaged(path)
        return None
    if seal != _seal_tensors(path, tensors):
        _say_damaged(path)
        return None
    return tensors


def set_aside(path: Path) -> None:
    """Rename a file of the user's that cannot be trusted, and say so."""
    aside = Path(f"{path}{DAMAGED}")
    while aside.exists():
        aside = Path(f"{aside}-{secrets.token_hex(2)}")
    try:
        path.replace(aside)
    except OSError as error:
        notice(f"{path} is damaged and is passed over (it cannot be set aside: {error.strerror}).")
        return
    notice(f"{path} is damaged, or was not written by this program: it is set aside as {aside}.")


def _say_damaged(path: Path) -> None:
    with suppress(FileNotFoundError):
        notice(f"{path} is damaged; it is computed again.", path.stat().st_mtime_ns)


def _seal(path: Path, content: bytes) -> str:
    return _hash_for(path, [content])


def _seal_tensors(path: Path, tensors: dict[str, Tensor]) -> str:
    def parts() -> Iterator[bytes | memoryview]:
        for name, tensor in sorted(tensors.items()):
            yield f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode()
            # Any dtype as its bytes: a scalar has no last dimension to view otherwise.
            yield tensor.reshape(-1).view(torch.uint8).numpy().data

    return _hash_for(path, parts())


def _hash_for(path: Path, parts: Iterable[bytes | memoryview]) -> str:
    """Of a file's content and its place below the cache folder."""
    place, cache = os.path.realpath(path), os.path.realpath(cache_folder())
    inside = place.startswith(cache + os.sep)
    digest = hashlib.sha256((place[len(cache) :] if inside else path.name).encode() + b"\0")
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def seal_file(path: Path) -> None:
    """For a file that another program writes: its seal lies beside it."""
    write_json(Path(f"{path}.seal"), _hash_for(path, _blocks(path)))


def is_sealed(path: Path) -> bool:
    """Whether the file is there, and what it was when `seal_file` saw it."""
    if not path.exists():
        return False
    whole = read_json(Path(f"{path}.seal")) == _hash_for(path, _blocks(path))
    if not whole:
        _say_damaged(path)
    return whole


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            yield block


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
