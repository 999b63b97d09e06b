"""What the commands share: progress on standard error, the setup's engine, a setting's arguments,
files read and written.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.errors import BadInput
from backend.progress import Progress
from backend.setups import Setup

Run = Callable[[Setup, argparse.Namespace], tuple]
"""A command's work: what --json prints, what is printed else and, unless 0, the exit status."""
AddCommand = Callable[..., argparse.ArgumentParser]
"""add(name, run, help text): a parser for the command's own arguments."""


class ProgressLine:
    """Progress on standard error: one line rewritten on a terminal, a line every ten seconds
    otherwise.
    """

    def __init__(self) -> None:
        self._last = 0.0
        self._stage = ""
        self._live = sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        if progress.note:
            print(
                f"\r\033[K{progress.note}" if self._live else progress.note,
                file=sys.stderr,
                flush=True,
            )
        now, ended = time.monotonic(), progress.total > 0 and progress.done >= progress.total
        if (
            now - self._last < (0.1 if self._live else 10)
            and progress.stage == self._stage
            and not ended
        ):
            return
        self._last, self._stage = now, progress.stage
        share = f" {progress.done / progress.total:4.0%}" if progress.total else ""
        left = (
            f", {progress.seconds_left:,.0f} s left"
            if progress.seconds_left is not None and not ended
            else ""
        )
        text = f"{progress.stage}{share}{left}"
        print(
            f"\r\033[K{text}" if self._live else text,
            end="\n" if ended or not self._live else "",
            file=sys.stderr,
            flush=True,
        )


def add_setting(sub: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    which = sub.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--clamps",
        help='feature:value pairs in raw units, such as "12:-60,45:0"; "" is the baseline',
    )
    which.add_argument("--preset", help="a preset of the clamp page, such as forget-biology")
    return which


def count(text: str) -> int:
    number = int(text.replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def open_engine(setup: Setup):
    from backend.engine.engine import Engine

    return Engine(setup, ProgressLine())


def engine_and_clamps(setup: Setup, args: argparse.Namespace):
    """The clamps are read first: a mistake in them is said before a model is loaded."""
    from backend.interventions.edit import parse_clamps

    clamps = parse_clamps(args.clamps) if args.clamps is not None else ()
    engine = open_engine(setup)
    return engine, engine.preset(args.preset) if args.preset is not None else engine.check(clamps)


def read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path} cannot be read:"
            f" {getattr(error, 'strerror', None) or 'it is no text in UTF-8'}."
        ) from error


def write_file(path: Path, text: str) -> None:
    from backend.store import replacing

    with replacing(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def finite(value: Any) -> Any:
    """JSON has no infinities: they become None."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
