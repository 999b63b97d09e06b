"""A run's figures over the half that choices are made on, and over the half held out from them."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, TypeVar, get_args

from backend.engine.engine import Engine, Half
from backend.evaluation.evaluate import Evaluation, SetResult, pooled

HALVES: tuple[Half, ...] = get_args(Half)


class OfHalf(NamedTuple):
    """All sets of each role together."""

    forget: SetResult
    retain: SetResult

    def plain(self) -> dict[str, Any]:
        return {"forget": self.forget.figures(), "retain": self.retain.figures()}


def of_half(engine: Engine, evaluation: Evaluation, half: Half) -> OfHalf:
    sets = engine.restrict(evaluation, engine.half(half)).sets
    return OfHalf(pooled(sets, "forget"), pooled(sets, "retain"))


def by_half(engine: Engine, evaluation: Evaluation) -> dict[Half, OfHalf]:
    return {half: of_half(engine, evaluation, half) for half in HALVES}


COST_PP = 3.0
"""Points of the selection half's retain questions that a setting may cost unless one says
otherwise.
"""


class OnSelection(Protocol):
    """Anything with figures over the selection half."""

    @property
    def half(self) -> OfHalf: ...


Point = TypeVar("Point", bound=OnSelection)


def best(points: Iterable[Point], cost_pp: float) -> Point | None:
    """The one that forgets most on the selection half, of those that cost at most so many points
    there, and of equals the one that costs least; None where all cost more.
    """
    kept = [point for point in points if point.half.retain.change_pp >= -cost_pp]

    def order(point: Point) -> tuple[float, float]:
        return point.half.forget.change_pp, -point.half.retain.change_pp

    return min(kept, key=order, default=None)
