"""What a search ends in: a setting, among how many it was chosen, and what is left of it on
questions that had no part in the choice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend.engine.engine import Engine, Half
from backend.evaluation.evaluate import Evaluation, SetResult
from backend.experiments.halves import OfHalf, by_half
from backend.interventions.clamps import format_clamps
from backend.interventions.method import Setting, format_method
from backend.progress import OnProgress, silent
from backend.statistics import Interval, difference
from backend.store import if_it_can_be_kept
from backend.wording import points, signed


@dataclass(frozen=True)
class Found:
    setting: Setting
    how: str
    """In a few words, for the run's note."""
    tried: int
    """Settings it was chosen among, this one counted."""
    halves: dict[Half, OfHalf]
    looked: str = ""
    """Why the held-out half is not blind to it; empty where it is."""

    @property
    def drop(self) -> tuple[float, Interval]:
        """Points more that accuracy on forget questions falls on the selection half than on the
        held-out half, with a 95 % interval: the two halves are different questions, so their
        variances add up.
        """
        chosen, held = (self.halves[half].forget for half in ("selection", "held-out"))
        return difference(held, chosen)

    def in_words(self) -> str:
        chosen, held = self.halves["selection"], self.halves["held-out"]
        return (
            f"Chosen among {self.tried:,} setting{'' if self.tried == 1 else 's'} on the selection "
            f"half, where forget changes by {_points(chosen.forget)} and retain by "
            f"{_points(chosen.retain)}. Held-out half: forget {_points(held.forget)}, retain "
            f"{_points(held.retain)}. {self._drop_in_words()}{self._looked_in_words()}"
        )

    def _drop_in_words(self) -> str:
        drop, (low, high) = self.drop
        if not self.halves["held-out"].forget.n:
            return "There is no held-out half to report on."
        span = f"{abs(drop):.1f} points [{signed(low)}, {signed(high)}]"
        if drop > 0:
            chance = ", which may be chance" if low <= 0 else ""
            return f"It forgets {span} less where it was not chosen{chance}."
        return f"It forgets as much where it was not chosen ({signed(-drop)} points)."

    def _looked_in_words(self) -> str:
        return f" Not blind: {self.looked}." if self.looked else ""

    def plain(self) -> dict[str, Any]:
        drop, (low, high) = self.drop
        return {
            "clamps": format_clamps(self.setting.clamps),
            "method": format_method(self.setting.method),
            "how": self.how,
            "tried": self.tried,
            "looked": self.looked,
            "halves": {half: figures.plain() for half, figures in self.halves.items()},
            "drop_pp": drop,
            "drop_low_pp": low,
            "drop_high_pp": high,
            "in_words": self.in_words(),
        }


def _points(figures: SetResult) -> str:
    return points(figures.change_pp, figures.ci_low_pp, figures.ci_high_pp)


def report(
    engine: Engine,
    setting: Setting,
    how: str,
    tried: int,
    looked: str = "",
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
) -> Found:
    """Runs the setting on all questions, for the first time also on the held-out half; it enters
    the history of what was tried, with how it was found as its note unless it has one.

    Raising from a callback cancels.
    """
    evaluation = engine.evaluate(setting, on_partial, on_wait)
    found = Found(setting, how, tried, by_half(engine, evaluation), looked)
    with if_it_can_be_kept("How a setting was found"):
        run = engine.results.read(evaluation.setting)
        if run is not None and not run.note:
            engine.results.annotate(evaluation.setting, note=f"{how}, among {tried:,} settings")
    return found
