"""What a search ends in: a setting, among how many it was chosen, and what is left of it on
questions that had no part in the choice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from backend.engine.engine import Engine, Half
from backend.evaluation.evaluate import Evaluation, SetResult
from backend.experiments.halves import OfHalf, by_half
from backend.interventions.clamps import format_clamps
from backend.interventions.method import Setting, format_method
from backend.progress import OnProgress, silent
from backend.setups import Role
from backend.statistics import Interval, difference
from backend.store import if_it_can_be_kept
from backend.tuning.space import On
from backend.wording import points, signed

ROLES: tuple[Role, ...] = get_args(Role)


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
    chosen_on: On = "selection"
    """The questions it was chosen on."""

    def drop(self, role: Role) -> tuple[float, Interval]:
        """Points more that accuracy on the role's questions falls on the selection half than on the
        held-out half, with a 95 % interval: the two halves are different questions, so their
        variances add up.
        """
        chosen, held = (getattr(self.halves[half], role) for half in ("selection", "held-out"))
        return difference(held, chosen)

    def in_words(self) -> str:
        chosen, held = (_both(self.halves[half]) for half in ("selection", "held-out"))
        among = f"Chosen among {self.tried:,} setting{'' if self.tried == 1 else 's'}"
        if self.chosen_on == "all":
            return (
                f"{among} on all questions, so that both halves were chosen on. Selection half: "
                f"{chosen}. Held-out half: {held}."
            )
        return (
            f"{among} on the selection half: {chosen}. Held-out half: {held}. "
            f"{self._drop_in_words()}{self._looked_in_words()}"
        )

    def _drop_in_words(self) -> str:
        if not self.halves["held-out"].forget.n:
            return "There is no held-out half to report on."
        less, interval = self.drop("forget")
        forgets = _more("forgets", less, interval, "less") or "forgets as much"
        less, (low, high) = self.drop("retain")
        costs = _more("costs", -less, Interval(-high, -low), "more") or "costs no more"
        return f"Where it was not chosen it {forgets}, and {costs}."

    def _looked_in_words(self) -> str:
        return f" Not blind: {self.looked}." if self.looked else ""

    def plain(self) -> dict[str, Any]:
        drops = {role: self.drop(role) for role in ROLES}
        drop, (low, high) = drops["forget"]
        retain, (retain_low, retain_high) = drops["retain"]
        return {
            "clamps": format_clamps(self.setting.clamps),
            "method": format_method(self.setting.method),
            "how": self.how,
            "tried": self.tried,
            "chosen_on": self.chosen_on,
            "looked": self.looked,
            "halves": {half: figures.plain() for half, figures in self.halves.items()},
            "drop_pp": drop,
            "drop_low_pp": low,
            "drop_high_pp": high,
            "retain_drop_pp": retain,
            "retain_drop_low_pp": retain_low,
            "retain_drop_high_pp": retain_high,
            "in_words": self.in_words(),
        }


def _more(does: str, points: float, interval: Interval, than: str) -> str:
    """A difference between the halves in words; empty where there is none that way."""
    if points <= 0:
        return ""
    low, high = interval
    chance = " (which may be chance)" if low <= 0 else ""
    return f"{does} {points:.1f} points [{signed(low)}, {signed(high)}] {than}{chance}"


def _both(half: OfHalf) -> str:
    return f"forget {_points(half.forget)}, retain {_points(half.retain)}"


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
    chosen_on: On = "selection",
) -> Found:
    """Runs the setting on all questions, for the first time also on the held-out half; it enters
    the history of what was tried, with how it was found as its note unless it has one.

    Raising from a callback cancels.
    """
    evaluation = engine.evaluate(setting, on_partial, on_wait)
    found = Found(setting, how, tried, by_half(engine, evaluation), looked, chosen_on)
    with if_it_can_be_kept("How a setting was found"):
        run = engine.results.read(evaluation.setting)
        if run is not None and not run.note:
            engine.results.annotate(evaluation.setting, note=f"{how}, among {tried:,} settings")
    return found
