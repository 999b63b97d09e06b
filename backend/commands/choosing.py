"""What commands share that look for a setting: how long they look, and what they end in."""

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backend.commands.terminal import ProgressLine, number
from backend.progress import Progress
from backend.wording import ascii_signed

if TYPE_CHECKING:
    from backend.engine.engine import Engine
    from backend.evaluation.evaluate import Evaluation
    from backend.interventions.method import Setting
    from backend.tuning.build import Step
    from backend.tuning.found import Found
    from backend.tuning.search import Tried
    from backend.tuning.space import On


def add_cost(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--cost",
        type=number(0, 100),
        default=3.0,
        metavar="POINTS",
        help="take what forgets most, of what costs at most so many points of the retain questions "
        "it is chosen on (default 3)",
    )


def add_ending(sub: argparse.ArgumentParser) -> None:
    """When a search ends, and what becomes of what it found."""
    group = sub.add_argument_group("the end")
    group.add_argument(
        "--minutes",
        type=number(0.001, 10_000),
        help="stop after so long, and report what there is so far",
    )
    group.add_argument(
        "--resume", action="store_true", help="go on where the same search was stopped"
    )
    group.add_argument("--save", metavar="NAME", help="keep what was found as a preset of yours")


class OutOfTime(Exception):
    """Raised from a callback of what is to end."""


class Watch:
    """The callbacks of a search that may take so many minutes: they end it by OutOfTime, and hand
    on only what is said of waiting.
    """

    def __init__(self, minutes: float | None, line: ProgressLine) -> None:
        self._line, self._began = line, time.monotonic()
        self._seconds = 60 * minutes if minutes is not None else None
        self.share = 1.0
        """Of the time that may be used up for now."""

    def look(self) -> None:
        if self._seconds is None:
            return
        if time.monotonic() - self._began > self._seconds * self.share:
            raise OutOfTime

    def on_partial(self, _: "Evaluation") -> None:
        self.look()

    def on_wait(self, progress: Progress) -> None:
        self.look()
        if not progress.total:  # others come first; stages within a stage would break its line
            self._line(progress)


def report_on(
    engine: "Engine",
    setting: "Setting",
    how: str,
    tried: int,
    looked: str,
    line: ProgressLine,
    chosen_on: "On" = "selection",
) -> "Found":
    """Runs it on all questions: for the first time on the held-out half, unless chosen on all."""
    from backend.tuning.found import report

    line(Progress("Running what was chosen on all questions", 0, 1, None))
    return report(engine, setting, how, tried, looked, on_wait=line, chosen_on=chosen_on)


def keep(engine: "Engine", setting: "Setting", name: str | None) -> str | None:
    """Keeps it as a preset, if there is a name for it."""
    from backend.interventions.board import board_of

    if name is not None:
        engine.saved_presets.save(name, board_of(*setting))
    return name


def in_arguments(setting: "Setting") -> list[str]:
    """How to go on with it."""
    from backend.interventions.clamps import format_clamps
    from backend.interventions.method import flags

    return [f'--clamps "{format_clamps(setting.clamps)}"{flags(setting.method)}']


def ending(engine: "Engine", found: "Found | None", name: str | None) -> dict[str, Any]:
    """What --json says of what was chosen, which is kept under the name, if there are both."""
    if found is None:
        return {"found": None, "saved": None}
    return {"found": found.plain(), "saved": keep(engine, found.setting, name)}


def ending_in_words(found: "Found | None", cost: float | None, stopped: bool) -> list[str]:
    """`cost` is None where there was nothing to choose among."""
    early = ["Stopped by --minutes; --resume goes on."] if stopped else []
    if found is not None:
        return [*early, found.in_words(), *in_arguments(found.setting)]
    if cost is None:
        return [*early, "There is nothing to choose among."]
    said = f"None costs at most {cost:g} points of the retain questions, so none is chosen."
    return [*early, said]


def table(
    title: str, rows: Sequence[tuple[str, "Step | Tried"]], last: Sequence[str] = ()
) -> list[str]:
    """One line each: its name, and the changes on the questions that were chosen on; with a `last`
    column, if there is one.
    """
    cells = [(title, "forget, pp", "retain, pp")]
    for name, one in rows:
        forget, retain = (ascii_signed(figures.change_pp) for figures in one.half)
        cells.append((name, forget, retain))
    wide = max(len(name) for name, *_ in cells)
    lines = [f"  {name:<{wide}}  {forget:>10}  {retain:>10}" for name, forget, retain in cells]
    return [f"{a}  {b:>10}" for a, b in zip(lines, last, strict=True)] if last else lines
