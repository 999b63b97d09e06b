"""What the commands share: progress, the setup's engine, a setting's arguments, files."""

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from backend.errors import BadInput, Unavailable
from backend.progress import Progress
from backend.rim import MB, read_text, shown
from backend.setups import Setup

if TYPE_CHECKING:
    from backend.engine.engine import Engine

Answer = tuple[Any, str] | tuple[Any, str, int]
"""What --json prints, what is printed else and, unless 0, the exit status."""
Run = Callable[[Any, argparse.Namespace], Answer]
"""A command's work, on what its first argument names: a setup, unless the command says else."""
AddCommand = Callable[..., argparse.ArgumentParser]
"""add(name, run, help text): a parser for the command's own arguments."""


class Subject(NamedTuple):
    """What a command's first argument names."""

    metavar: str
    """In small letters, the argument's name."""
    help: str
    load: Callable[[argparse.Namespace], Any]
    """From the arguments; mistakes in them are said here, before anything is loaded."""


class ProgressLine:
    """Progress on standard error.

    On a terminal one line, rewritten; elsewhere a line every ten seconds.
    """

    def __init__(self) -> None:
        self._last = 0.0
        self._stage = ""
        self._live = sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        if progress.note:
            self._print(progress.note)
        now = time.monotonic()
        ended = progress.total > 0 and progress.done >= progress.total
        every_s = 0.1 if self._live else 10
        if now - self._last < every_s and progress.stage == self._stage and not ended:
            return
        self._last, self._stage = now, progress.stage
        share = f" {progress.done / progress.total:4.0%}" if progress.total else ""
        left = ""
        if progress.seconds_left is not None and not ended:
            left = f", about {progress.seconds_left:,.0f} s left"
        self._print(f"{progress.stage}{share}{left}", stays=ended)

    def _print(self, text: str, stays: bool = True) -> None:
        """On a terminal, in place of the line before unless that stays."""
        line = f"\r\033[K{text}" if self._live else text
        end = "\n" if stays or not self._live else ""
        print(line, end=end, file=sys.stderr, flush=True)


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A type of argparse: a whole number from low to high."""

    def read(text: str) -> int:
        try:
            number = int(text) if len(text) <= LONGEST_NUMBER else None
        except ValueError:
            number = None
        if number is None or not low <= number <= high:
            raise argparse.ArgumentTypeError(
                f"{shown(text)} is no whole number from {low:,} to {high:,}."
            )
        return number

    return read


def number(low: float, high: float) -> Callable[[str], float]:
    """A type of argparse: a number from low to high."""

    def read(text: str) -> float:
        try:
            value = float(text) if len(text) <= LONGEST_NUMBER else math.nan
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"{shown(text)} is no number from {low:g} to {high:g}."
            )
        return value

    return read


MOST = 1_000_000
LONGEST_NUMBER = 40
"""Characters."""
MOST_SAID = 450
"""Characters of a line on what is wrong."""
MOST_FILE = 200 * MB
count = whole_number(1, MOST)
feature_number = whole_number(0, 10 * MOST)
multiple = number(-MOST, MOST)
"""Of a maximum activation."""


def one_line(text: str) -> str:
    """What is wrong, in a line that is never long: its beginning and its end."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(text) <= MOST_SAID:
        return text
    return f"{text[: MOST_SAID - 100]} … {text[-95:]}"


def open_engine(setup: Setup) -> "Engine":
    from backend.engine.engine import Engine

    return Engine(setup, ProgressLine())


def say(line: str) -> None:
    """Something to know beside the answer: on standard error."""
    print(line, file=sys.stderr)


def read_file(path: Path) -> str:
    """Raises BadInput for what cannot be read as text."""
    return read_text(path, MOST_FILE)


def refuse_folder(path: Path) -> None:
    """Raises BadInput for a folder where a file is to be written."""
    if os.path.isdir(path):  # noqa: PTH112 (a name too long is no error here)
        raise BadInput(f"{path} is a folder; name a file.")


def write_file(path: Path, content: str | bytes) -> None:
    """Whole or not at all, text in UTF-8.

    Raises BadInput for a folder, Unavailable if the disk refuses it.
    """
    from backend.store import replacing

    refuse_folder(path)
    try:
        with replacing(path) as scratch:
            scratch.write_bytes(content.encode() if isinstance(content, str) else content)
    except Unavailable as error:
        why = getattr(error.__cause__, "strerror", None) or "the disk will not have it"
        raise Unavailable(f"{path} cannot be written ({why}). Name another place.") from error


def finite(value: Any) -> Any:
    """JSON has no infinities: they become None."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
