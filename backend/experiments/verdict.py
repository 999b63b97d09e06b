"""What a setting did, in one sentence, with the checks that need more than its own run. Nothing is
run here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

from jaxtyping import Bool
from torch import Tensor

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation, SetResult, pooled
from backend.evaluation.history import KEPT
from backend.evaluation.light import Light
from backend.experiments.controls import finished_controls
from backend.experiments.damage import (
    HALF,
    Damage,
    Elsewhere,
    damage,
    elsewhere,
    kept_share,
    specific,
    tenths,
)
from backend.experiments.effects import Effect, control_effect, own_effect
from backend.experiments.text_loss import TextLoss, finished_loss
from backend.interventions.method import Setting
from backend.setups import Role
from backend.statistics import SIGNIFICANT
from backend.wording import percent


class Verdict(NamedTuple):
    sentence: str
    """What changed, and whether the paper would take it."""
    held_out: str
    """The same of the half that choices should not have seen; empty where that is what is shown, or
    nothing acts.
    """
    damage: Damage | None
    """None where nothing acts."""
    lights: tuple[Light, ...]
    """All checks, those on the controls too."""


@dataclass(frozen=True)
class Fall:
    """The sets of a role together, in whole percent."""

    name: str
    result: SetResult

    @property
    def before(self) -> int:
        return round(100 * self.result.baseline_accuracy)

    @property
    def after(self) -> int:
        return round(100 * self.result.accuracy)

    @property
    def verb(self) -> str:
        if self.before == self.after:
            return "stays"
        return "falls" if self.after < self.before else "rises"

    def in_words(self, verb: str) -> str:
        """After the name and the verb, which may have been said before."""
        said = f"{self.name} {verb}".rstrip()
        if self.before == self.after:
            return f"{said} at {self.after} %"
        doubt = " (may be chance)" if self.result.p_value >= SIGNIFICANT else ""
        return f"{said} from {self.before} to {self.after} %{doubt}"


def name_of_role(sets: Sequence[SetResult], role: Role) -> str:
    """What the sets of a role are called together."""
    mine = [s for s in sets if s.role == role]
    if len(mine) == 1:
        return mine[0].title
    return "everything else" if role == "retain" else "what is to be forgotten"


def falls(sets: Sequence[SetResult]) -> tuple[Fall, Fall]:
    """Forget, retain."""
    forget, retain = (Fall(name_of_role(sets, role), pooled(sets, role)) for role in get_args(Role))
    return forget, retain


def sentence(sets: Sequence[SetResult], found: Elsewhere | None) -> str:
    """One sentence on complete figures."""
    forget, retain = falls(sets)
    second = "" if retain.verb == forget.verb else retain.verb
    said = f"{forget.in_words(forget.verb)}, {retain.in_words(second)}"
    said = said[0].upper() + said[1:]
    allowed = percent(1 - KEPT, 0)
    if kept_share(retain.result) < KEPT:
        said += f": beyond the {allowed} that the paper allows"
    elif retain.before != retain.after:
        said += f": within the {allowed} that the paper allows"
    if found is not None:
        said += f"; {tenths(found.features)} of that fall would have come with any features"
        if found.directions is not None and found.directions >= HALF > found.features:
            said += f", {tenths(found.directions)} along any direction"
    if any(s.inconclusive for s in sets if s.role == "forget"):
        said += "; but without clamps it may be guessing, and then there is nothing to forget"
    return f"{said}."


def as_it_is(sets: Sequence[SetResult]) -> str:
    forget, retain = falls(sets)
    return (
        f"Nothing acts yet: {forget.name} {forget.before} %, {retain.name} {retain.before} % right."
    )


def held_out_in_words(sets: Sequence[SetResult]) -> str:
    forget, retain = falls(sets)
    return (
        f"Held-out half: {forget.name} {forget.before} → {forget.after} %, "
        f"{retain.name} {retain.before} → {retain.after} %."
    )


def _known_controls(
    engine: Engine, setting: Setting, only: Bool[Tensor, " question"] | None
) -> list[Effect]:
    """None of a setting that has none, as too few other features are left to draw from."""
    try:
        found = finished_controls(engine, setting)
    except BadInput:
        return []
    return [
        control_effect(control, engine.restrict(result, only))
        for control, result in found
        if result is not None
    ]


def verdict(
    engine: Engine,
    evaluation: Evaluation,
    only: Bool[Tensor, " question"] | None = None,
    text: TextLoss | None = None,
) -> Verdict:
    """Of a complete evaluation, over all questions or `only` some, with what is known of its
    controls and of its loss on text (`text`, or what is kept of that).
    """
    setting = evaluation.setting
    seen = engine.restrict(evaluation, only)
    lights = engine.lights(evaluation, only)
    if not setting:
        return Verdict(as_it_is(seen.sets), "", None, tuple(lights))
    found, more = None, list[Light]()
    if setting.rival is None:
        own = own_effect(seen)
        others = _known_controls(engine, setting, only)
        found, more = elsewhere(own, others), specific(own, others)
    held_out = engine.half("held-out")
    shown = only is not None and bool((only == held_out).all())
    return Verdict(
        sentence(seen.sets, found),
        "" if shown else held_out_in_words(engine.restrict(evaluation, held_out).sets),
        damage(
            pooled(seen.sets, "retain"),
            engine.times_residual(setting),
            text or finished_loss(engine, setting),
            found,
        ),
        (*lights, *more),
    )
