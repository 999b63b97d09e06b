"""Files of the user's own, changed by one process at a time: notes, presets, labels.

All files of a folder share a lock. What is damaged is set aside, and what cannot be read is never
written over.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from backend.errors import ClampboardError, Unavailable
from backend.store import LOCK, locked, read_bytes, set_aside, unsealed

T = TypeVar("T")


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Nobody else writes in the folder meanwhile. Not to be nested."""
    with locked(folder / LOCK):
        yield


def read(path: Path, parse: Callable[[bytes], T]) -> T | None:
    """What `parse` makes of a sealed file's content; None if it is not there.

    A file that is damaged, or that `parse` refuses with ValueError or a sentence, is set aside:
    under the lock, so that it is not one that another process has just made good.
    """
    try:
        content = unsealed(path, path.read_bytes())
        if content is not None:
            return parse(content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ClampboardError):
        pass
    with changing(path.parent):
        return _read(path, parse)


def read_to_change(path: Path, parse: Callable[[bytes], T]) -> T | None:
    """The same for who holds the lock, and will write the file next.

    Raises Unavailable for a file that can be neither read nor set aside.
    """
    value = _read(path, parse)
    if value is None and _is_there(path):
        raise Unavailable(
            f"{path} cannot be read, so it is not written over. Make it readable, move it away, "
            "or point CLAMPBOARD_CACHE at a folder of your own."
        )
    return value


def _read(path: Path, parse: Callable[[bytes], T]) -> T | None:
    content = read_bytes(path, users=True)
    if content is None:
        return None
    try:
        return parse(content)
    except (ValueError, ClampboardError):
        set_aside(path)
        return None


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # behind a folder that is closed to us
        return True


def delete(path: Path) -> None:
    """Delete it if it is there. Raises Unavailable if the disk will not have it."""
    with changing(path.parent):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{path} cannot be deleted ({error.strerror or error}).") from error
