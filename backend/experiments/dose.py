"""How the answers change with the strength of a clamp: one evaluation for each of a row of
settings.

Every finished evaluation is kept: a row that was stopped goes on where it was, and a finished
one costs nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation, SetResult, pooled
from backend.experiments.sweep import run_settings
from backend.interventions.clamps import Clamp, value_of
from backend.interventions.method import PAPER, Method, Setting
from backend.interventions.rival import Rival
from backend.progress import OnProgress, silent
from backend.wording import percent
from backend.wording import points as points_in_words

MULTIPLES = (0.0, -5.0, -15.0, -10.0, 2.0, -2.0, -8.0, -12.0, 1.0, -1.0, -3.0, -4.0, -6.0)
"""Over the clamp page's range, in the order they are computed: the curve's outline first."""


STRENGTHS = (1.0, 0.5, 2.0, 0.25, 1.5, 3.0)
"""Of a direction, likewise."""


@dataclass(frozen=True)
class Dose:
    """What one strength of one feature's clamp, or of a direction, does."""

    multiple: float
    """Of the feature's maximum activation, where 0 ablates; of a direction its strength."""
    value: float
    """The same in raw activation units; a direction's strength."""
    forget: SetResult
    """All forget questions together."""
    retain: SetResult
    evaluation: Evaluation


def dose_curve(
    engine: Engine,
    feature: int,
    multiples: Iterable[float] = MULTIPLES,
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
    method: Method = PAPER,
) -> Iterator[Dose]:
    """The feature clamped to each multiple of its maximum activation, as
    backend.experiments.sweep.run_settings gives them; by the method, if one is given.

    Raises BadInput for a feature the SAE does not have, or two multiples that are the same clamp.
    """
    max_act, multiples = engine.atlas.summary(feature)["max_act"], tuple(multiples)
    multiple_of = {
        engine.check(Setting((Clamp(feature, value_of(multiple, max_act)),), method)): multiple
        for multiple in multiples
    }
    if len(multiple_of) < len(multiples):
        raise BadInput("Two of the multiples come to the same clamp: give each once.")
    for setting, evaluation in run_settings(engine, multiple_of, on_partial, on_wait):
        yield _dose(multiple_of[setting], setting.clamps[0].value, evaluation)


def rival_dose(
    engine: Engine,
    rival: Rival,
    strengths: Iterable[float] = STRENGTHS,
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
) -> Iterator[Dose]:
    """The rival, a direction, at each strength, as backend.experiments.sweep.run_settings gives
    them. Raises BadRival for a strength out of range.
    """
    strength_of = {
        engine.check(Setting(rival=replace(rival, strength=strength))): strength
        for strength in strengths
    }
    for setting, evaluation in run_settings(engine, strength_of, on_partial, on_wait):
        yield _dose(strength_of[setting], strength_of[setting], evaluation)


def _dose(multiple: float, value: float, evaluation: Evaluation) -> Dose:
    forget, retain = (pooled(evaluation.sets, role) for role in ("forget", "retain"))
    return Dose(multiple, value, forget, retain, evaluation)


def _at(dose: Dose) -> str:
    return f"{dose.multiple:+g}x ({dose.value:g})"


def points(doses: Sequence[Dose], at: Callable[[Dose], str] = _at) -> pd.DataFrame:
    """One row for each strength and role, by strength; accuracies and their bounds in percent, low
    and high those of the baseline plus the change's interval. `at` says a strength in words.
    """
    return pd.DataFrame(
        [
            {
                "multiple": dose.multiple,
                "value": dose.value,
                "role": s.role,
                "accuracy": 100 * s.accuracy,
                "baseline": 100 * s.baseline_accuracy,
                "low": 100 * s.baseline_accuracy + s.ci_low_pp,
                "high": 100 * s.baseline_accuracy + s.ci_high_pp,
                "n": s.n,
                "lost": s.lost,
                "gained": s.gained,
                "said": f"{s.role} at {at(dose)}: {_said(s)}",
            }
            for dose in sorted(doses, key=lambda dose: dose.multiple)
            for s in (dose.forget, dose.retain)
        ]
    )


def _said(s: SetResult) -> str:
    change = (
        points_in_words(s.change_pp, s.ci_low_pp, s.ci_high_pp)
        if s.lost + s.gained
        else "no answer changed"
    )
    return f"{percent(s.accuracy)}, {change}, n {s.n}"


def plain(dose: Dose) -> dict[str, Any]:
    """One point of the curve in plain types, with every set's own figures."""

    def figures(s: SetResult) -> dict[str, float]:
        return {"n": s.n, "n_affected": s.n_affected, **s.figures()}

    return {
        "multiple": dose.multiple,
        "value": dose.value,
        "forget": figures(dose.forget),
        "retain": figures(dose.retain),
        "sets": [{"name": s.name, "role": s.role, **figures(s)} for s in dose.evaluation.sets],
    }
