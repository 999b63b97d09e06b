"""A grid of settings: the first n of a row of features, all clamped to the same multiple of their
own maximum.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from jaxtyping import Bool
from torch import Tensor

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation, SetResult, pooled
from backend.interventions.edit import MAX_CLAMPS, Clamps, clamp_set, value_of
from backend.progress import OnProgress, silent

MAX_SETTINGS = 200
"""A longer sweep is better cut in pieces: nothing is drawn of what nobody can read."""


class Point(NamedTuple):
    n: int
    multiple: float
    clamps: Clamps
    forget: SetResult
    """All forget questions together."""
    retain: SetResult


def grid(
    features: Sequence[int],
    max_act: Callable[[int], float],
    ns: Sequence[int],
    multiples: Sequence[float],
) -> dict[Clamps, tuple[int, float]]:
    """Clamps -> (n, multiple), for every n with every multiple; an n above the number of features
    is that number.

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
        clamp_set((f, value_of(m, max_act(f))) for f in features[:n]): (n, m)
        for n in ns
        for m in dict.fromkeys(multiples)
    }


def run_settings(
    engine: Engine,
    settings: Iterable[Clamps],
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
) -> Iterator[tuple[Clamps, Evaluation]]:
    """Each setting with its evaluation: the finished ones first, then the others as given.

    Raising from a callback, or closing the generator, stops it; what is finished stays on disk. The
    runs do not enter the history of what a user tried. Raises BadClamps for a clamp the SAE does
    not have.
    """
    todo = []
    for clamps in settings:
        if (finished := engine.finished(clamps)) is None:
            todo.append(clamps)
        else:
            yield clamps, finished
    for clamps in todo:
        yield clamps, engine.evaluate(clamps, on_partial, on_wait, listed=False)


def run_sweep(
    engine: Engine,
    settings: dict[Clamps, tuple[int, float]],
    only: Bool[Tensor, " question"] | None = None,
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
) -> Iterator[Point]:
    """A point for each setting of `grid`, the finished ones first.

    Stopped at any time, it goes on from there.
    """
    for clamps, evaluation in run_settings(engine, settings, on_partial, on_wait):
        yield point(engine, clamps, settings[clamps], evaluation, only)


def finished_points(
    engine: Engine,
    settings: dict[Clamps, tuple[int, float]],
    only: Bool[Tensor, " question"] | None = None,
) -> list[Point]:
    """The points that need no run."""
    found = ((clamps, engine.finished(clamps)) for clamps in settings)
    return [
        point(engine, clamps, settings[clamps], evaluation, only)
        for clamps, evaluation in found
        if evaluation is not None
    ]


def point(
    engine: Engine,
    clamps: Clamps,
    setting: tuple[int, float],
    evaluation: Evaluation,
    only: Bool[Tensor, " question"] | None,
) -> Point:
    sets = evaluation.sets if only is None else engine.restrict(evaluation, only).sets
    return Point(*setting, clamps, pooled(sets, "forget"), pooled(sets, "retain"))


def plain(made: Point) -> dict[str, Any]:
    """One point in plain types."""
    return {
        "n": made.n,
        "multiple": made.multiple,
        "forget": made.forget.figures(),
        "retain": made.retain.figures(),
    }
