"""A grid of settings: the first n of a row of features, all clamped to the same multiple of their
own maximum.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from jaxtyping import Bool
from torch import Tensor

from backend import showcase
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation, SetResult, pooled
from backend.interventions.clamps import MAX_CLAMPS, clamp_set, value_of
from backend.interventions.method import PAPER, Method, Setting, format_method, setting_of
from backend.progress import OnProgress, silent
from backend.store import if_it_can_be_kept

MAX_SETTINGS = 200
"""A longer sweep is better cut in pieces: nothing is drawn of what nobody can read."""


class Point(NamedTuple):
    n: int
    multiple: float
    setting: Setting
    forget: SetResult
    """All forget questions together."""
    retain: SetResult


def grid(
    features: Sequence[int],
    max_act: Callable[[int], float],
    ns: Sequence[int],
    multiples: Sequence[float],
    method: Method = PAPER,
) -> dict[Setting, tuple[int, float]]:
    """Setting -> (n, multiple), for every n with every multiple; an n above the number of features
    is that number. All act by the same method.

    Raises BadInput for an empty grid, one that is too large, or numbers that make no setting.
    """
    if not features or not ns or not multiples:
        raise BadInput(
            "A sweep needs at least one feature, one number of features and one strength."
        )
    if min(ns) < 1:
        raise BadInput(
            f"A sweep over {min(ns)} features is none: the numbers of features start at 1."
        )
    ns = sorted({min(n, len(features), MAX_CLAMPS) for n in ns})
    if len(ns) * len(set(multiples)) > MAX_SETTINGS:
        raise BadInput(
            f"These are {len(ns) * len(set(multiples))} settings; at most {MAX_SETTINGS} can be "
            "swept at once. Leave some out."
        )
    return {
        setting_of(clamp_set((f, value_of(m, max_act(f))) for f in features[:n]), method): (n, m)
        for n in ns
        for m in dict.fromkeys(multiples)
    }


def run_settings(
    engine: Engine,
    settings: Iterable[Setting],
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
) -> Iterator[tuple[Setting, Evaluation]]:
    """Each setting with its evaluation: the finished ones first, then the others as given.

    Raising from a callback, or closing the generator, stops it; what is finished stays on disk. The
    runs do not enter the history of what a user tried. Raises BadClamps for a clamp the SAE does
    not have.
    """
    todo = []
    for setting in settings:
        if (finished := engine.finished(setting)) is None:
            todo.append(setting)
        else:
            yield setting, finished
    for setting in todo:
        yield setting, engine.evaluate(setting, on_partial, on_wait, listed=False)


def run_sweep(
    engine: Engine,
    settings: dict[Setting, tuple[int, float]],
    only: Bool[Tensor, " question"] | None = None,
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
) -> Iterator[Point]:
    """A point for each setting of `grid`, the finished ones first; each is listed as swept.

    Stopped at any time, it goes on from there.
    """
    for setting, evaluation in run_settings(engine, settings, on_partial, on_wait):
        _list(engine, evaluation)
        yield point(engine, setting, settings[setting], evaluation, only)


def _list(engine: Engine, evaluation: Evaluation) -> None:
    """Among the points of sweeps, which the history shows beside what a user tried."""
    setting = evaluation.setting
    if not setting or showcase.is_on() or engine.swept.read(setting) is not None:
        return
    with if_it_can_be_kept("A point of a sweep"):
        engine.swept.write(setting, evaluation.scores, evaluation.affected, evaluation.seconds)


def finished_points(
    engine: Engine,
    settings: dict[Setting, tuple[int, float]],
    only: Bool[Tensor, " question"] | None = None,
) -> list[Point]:
    """The points that need no run."""
    found = ((setting, engine.finished(setting)) for setting in settings)
    return [
        point(engine, setting, settings[setting], evaluation, only)
        for setting, evaluation in found
        if evaluation is not None
    ]


def point(
    engine: Engine,
    setting: Setting,
    place: tuple[int, float],
    evaluation: Evaluation,
    only: Bool[Tensor, " question"] | None,
) -> Point:
    sets = engine.restrict(evaluation, only).sets
    return Point(*place, setting, pooled(sets, "forget"), pooled(sets, "retain"))


def plain(made: Point) -> dict[str, Any]:
    """One point in plain types."""
    return {
        "n": made.n,
        "multiple": made.multiple,
        "method": format_method(made.setting.method),
        "forget": made.forget.figures(),
        "retain": made.retain.figures(),
    }
