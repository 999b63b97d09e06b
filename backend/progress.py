"""How long work reports itself, and how it is stopped."""

import time
from collections.abc import Callable
from typing import NamedTuple


class Progress(NamedTuple):
    """One report, made after each batch."""

    stage: str
    """What is being done, in words for the user."""
    done: int
    total: int
    seconds_left: float | None
    """Estimated from the pace since the stage began; None before the first batch."""
    note: str = ""
    """Something to say once, and to leave in view."""


OnProgress = Callable[[Progress], None]
"""Called once a batch. Raising from it cancels the work: locks are released and finished stages
stay on disk.
"""


def silent(progress: Progress) -> None:
    """The callback of a caller who does not want to know."""


class Pace:
    """Counts the units of one stage and reports them with the time left."""

    def __init__(self, stage: str, total: int, on_progress: OnProgress):
        self._stage = stage
        self._total = total
        self._on_progress = on_progress
        self._done = 0
        self._skipped = 0
        self._start = time.monotonic()
        on_progress(Progress(stage, 0, total, None))

    def skip(self, units: int) -> None:
        """Units that were done before: they say nothing of the pace."""
        self._skipped += units
        self._done += units
        self._start = time.monotonic()

    def advance(self, units: int) -> None:
        self._done += units
        elapsed = time.monotonic() - self._start
        ran = self._done - self._skipped
        left = elapsed / ran * (self._total - self._done) if ran else None
        self._on_progress(Progress(self._stage, self._done, self._total, left))
