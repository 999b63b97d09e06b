"""What single features do when each is clamped alone, kept: nobody waits twice for a screening.

Answers are kept by the edit all the same (backend.evaluation.kept_answers), but to look them up
takes 10 ms a feature, what was stopped early would go on, and where batches matter to the bits
there are none.
"""

import hashlib
import time
from typing import NamedTuple

from pydantic import TypeAdapter

from backend.engine.engine import Engine
from backend.interventions.clamps import Clamp, format_clamps
from backend.store import if_it_can_be_kept, key, read_bytes, write_bytes

FORMAT = 1
"""Raise when what is stored changes its meaning."""
EVERY_S = 2.0
"""How much is lost at most where the program is killed."""


class Tested(NamedTuple):
    """One feature clamped alone, on the selection half."""

    feature: int
    lost: int
    """Forget questions."""
    gained: int
    retain_lost: int
    retain_gained: int
    text_added: float | None
    """Nats a token; None for a setup without text, and for a feature that no choice would keep."""
    complete: bool = True
    """False where it was stopped as soon as it had lost more retain questions than any choice
    allows: there may be more of them, and no forget question was run.
    """


TESTED = TypeAdapter(dict[str, Tested])


class TestedBefore:
    """By the clamp, whatever recipe asked; a sealed file of one setup and selection half."""

    def __init__(self, engine: Engine):
        text = b""
        if engine.text is not None:
            rows = engine.text.recording.rows
            text = rows.ids.numpy().tobytes() + rows.start.numpy().tobytes()
        named = key(
            {
                "format": FORMAT,
                "selection": engine.half("selection").tolist(),
                "bits": engine.kept_answers.salt,
                "text": hashlib.sha256(text).hexdigest(),
            }
        )
        self._path = engine.folder / "tuning" / f"tested_{named}.json"
        self._known = self._read()
        self._new: dict[str, Tested] = {}
        self._last = time.monotonic()

    def find(self, clamp: Clamp) -> Tested | None:
        return self._known.get(format_clamps((clamp,)))

    def add(self, clamp: Clamp, tested: Tested) -> None:
        """Known at once, and on disk within EVERY_S or with the next `write`."""
        name = format_clamps((clamp,))
        self._known[name] = self._new[name] = tested
        if time.monotonic() - self._last >= EVERY_S:
            self.write()

    def write(self) -> None:
        """With what others have written meanwhile."""
        if self._new:
            with if_it_can_be_kept("What single features do"):
                write_bytes(self._path, TESTED.dump_json({**self._read(), **self._new}))
            self._new, self._last = {}, time.monotonic()

    def _read(self) -> dict[str, Tested]:
        content = read_bytes(self._path)
        return {} if content is None else TESTED.validate_json(content)
