"""The parts, and how much of the time each has."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.hostile import (
    command_lines,
    damage,
    full_disk,
    kills,
    label_files,
    links,
    rows,
    run_files,
    sessions,
    setup_files,
    writers,
)
from tests.hostile.counts import Counts, Share


class Part(NamedTuple):
    run: Callable[[Path, Path, Share], Counts]
    """(the filled toy, an empty folder, its share) -> what became of it."""
    percent: int
    """Of the long part's time."""
    fast: int
    """What `make test` tries: inputs, damages, kills, rounds."""


PARTS = {
    "command lines": Part(command_lines.run, 15, 200),
    "setups": Part(setup_files.run, 15, 120),
    "run files": Part(run_files.run, 8, 100),
    "labels": Part(label_files.run, 8, 80),
    "rows": Part(rows.run, 8, 100),
    "links": Part(links.run, 1, 300),
    "links on pages": Part(links.run_pages, 5, 3),
    "damage": Part(damage.run, 20, 40),
    "kills": Part(kills.run, 10, 3),
    "writers": Part(writers.run, 3, 50),
    "full disk": Part(full_disk.run, 4, 25),
    "sessions": Part(sessions.run, 3, 24),
}
