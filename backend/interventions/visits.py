"""Where visitors left off: their last board, what they pinned, and the way back by undo; one small
sealed file a visitor.
"""

import hashlib
import json
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from backend import showcase
from backend.errors import ClampboardError, Unavailable
from backend.interventions.board import Board, board_of, read_link, write_link
from backend.interventions.method import Setting
from backend.notices import notice
from backend.own_files import changing
from backend.store import unsealed, write_bytes

MAX_PAST = 20
"""Boards of the undo that are kept."""
MAX_VISITORS = 500
"""The one who was not here for the longest goes."""
MAX_BYTES = 200_000
"""Of a visit; more boards of the undo than fit are left out, the oldest first."""
MAX_UNWRITTEN = 100
"""Visits held in memory where the disk will not have them; the latest."""
VISITOR = re.compile(r"[0-9a-f]{64}")

Link = dict[str, str]


@dataclass(frozen=True)
class Visit:
    board: Board = Board()
    pins: tuple[Setting | None, Setting | None] = (None, None)
    """A and B."""
    past: tuple[Board, ...] = ()
    """Boards that undo brings back, the latest last."""

    def __bool__(self) -> bool:
        """False where there is nothing to come back to."""
        return self.board != Board() or self.pins != (None, None)


class _Kept(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    board: Link
    pins: tuple[Link | None, Link | None]
    past: list[Link]


def visitor_of(cookie: str) -> str:
    """What a visitor's file is called: who reads the folder does not learn the cookie."""
    return hashlib.sha256(cookie.encode("utf-8", "replace")).hexdigest()


class Visits:
    """The visits to one setup. A visitor is what `visitor_of` gives; "" is nobody."""

    def __init__(self, folder: Path, d_sae: int):
        self._folder = folder
        self._d_sae = d_sae
        self._last: dict[str, bytes] = {}
        """The hash of what was written of each visitor last, or could not be."""
        self._unwritten: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def keep(self, visitor: str, visit: Visit) -> None:
        """In place of the visitor's earlier one; nothing is written in a showcase, of nobody, or
        where nothing changed.

        What the disk will not have is said once in the log, and lasts as long as the program.
        """
        if showcase.is_on() or not VISITOR.fullmatch(visitor) or not visit:
            return
        content = _content(visit)
        known = hashlib.sha256(content).digest()
        with self._lock:
            if self._last.get(visitor) == known:
                return
            try:
                self._write(visitor, content)
                self._unwritten.pop(visitor, None)
            except (Unavailable, OSError) as error:
                cause = error.__cause__ or error
                notice(
                    "Where visitors left off lasts until the program ends: it cannot be written "
                    f"({getattr(cause, 'strerror', None) or cause})."
                )
                self._unwritten.pop(visitor, None)
                self._unwritten[visitor] = content
                _shorten(self._unwritten, MAX_UNWRITTEN)
            self._last.pop(visitor, None)
            self._last[visitor] = known
            _shorten(self._last, MAX_VISITORS)

    def read(self, visitor: str) -> Visit | None:
        """None where there is none, or it is damaged, or of another SAE."""
        if not VISITOR.fullmatch(visitor):
            return None
        content = self._unwritten.get(visitor)
        path = self._path(visitor)
        with suppress(ClampboardError, ValueError, OSError):
            if content is None and path.stat().st_size <= 2 * MAX_BYTES:
                content = unsealed(path, path.read_bytes())
            return None if content is None else self._visit(content)
        return None

    def _write(self, visitor: str, content: bytes) -> None:
        path = self._path(visitor)
        with changing(self._folder):
            if not path.exists():
                others = sorted(self._folder.glob("*.json"), key=_written)
                for oldest in others[: max(0, len(others) + 1 - MAX_VISITORS)]:
                    oldest.unlink(missing_ok=True)
            write_bytes(path, content)

    def _visit(self, content: bytes) -> Visit:
        """Raises ValueError or BadInput for what is no visit."""
        kept = _Kept.model_validate_json(content)
        if len(kept.past) > MAX_PAST:
            raise ValueError("more boards than are kept")
        a, b = (None if link is None else self._board(link).setting() for link in kept.pins)
        return Visit(
            self._board(kept.board), (a, b), tuple(self._board(link) for link in kept.past)
        )

    def _board(self, link: Link) -> Board:
        board = read_link(link, self._d_sae)
        board.setting()  # raises for values that only the master takes out of range
        return board

    def _path(self, visitor: str) -> Path:
        return self._folder / f"{visitor}.json"


def _content(visit: Visit) -> bytes:
    """At most MAX_BYTES, but for a board that is larger by itself."""

    def written(past: Sequence[Board]) -> bytes:
        pins = [None if pin is None else write_link(board_of(*pin)) for pin in visit.pins]
        links = [write_link(board) for board in past]
        value = {"board": write_link(visit.board), "pins": pins, "past": links}
        return json.dumps(value).encode()

    past = visit.past[-MAX_PAST:]
    while len(content := written(past)) > MAX_BYTES and past:
        past = past[1:]
    return content


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # gone meanwhile
        return 0


def _shorten(held: dict[str, bytes], most: int) -> None:
    """To the latest."""
    for oldest in list(held)[:-most]:
        del held[oldest]
