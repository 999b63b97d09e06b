"""A set of features on its way: found, tested one by one, put together, one number chosen."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from backend.engine.engine import Engine
from backend.evaluation.evaluate import Evaluation
from backend.experiments.halves import COST_PP, best
from backend.progress import OnProgress, silent
from backend.tuning.build import Candidate, Recipe, Step, Tested, candidates, grow, kept, screen
from backend.tuning.found import Found, report


class Grown(NamedTuple):
    """The kept features put together, for one number of retain questions a feature may lose."""

    steps: tuple[Step, ...] = ()
    complete: bool = False
    found: Found | None = None
    """Of the chosen set; also None where every one costs too much."""

    @property
    def chosen(self) -> Step | None:
        return best(self.steps, COST_PP) if self.complete else None


class Building(NamedTuple):
    """What is known so far of one recipe, whatever its side effects."""

    recipe: Recipe
    candidates: tuple[Candidate, ...] | None = None
    tested: tuple[Tested, ...] = ()
    grown: Mapping[int, Grown] = MappingProxyType({})
    """By the retain questions that a feature may lose."""

    @property
    def screened(self) -> bool:
        return self.candidates is not None and len(self.tested) == len(self.candidates)

    def order(self, side_effects: int) -> list[Tested]:
        return kept(self.tested, side_effects)

    def of(self, side_effects: int) -> Grown:
        return self.grown.get(side_effects, Grown())

    def tried(self, side_effects: int) -> int:
        """Settings that were looked at; the first one that is put together is known from before."""
        return len(self.tested) + max(0, len(self.of(side_effects).steps) - 1)

    def with_grown(self, side_effects: int, grown: Grown) -> "Building":
        return self._replace(grown={**self.grown, side_effects: grown})


def of_recipe(so_far: object, recipe: Recipe) -> Building:
    """What is known of the recipe: all of it, if the last one differs in its side effects alone."""
    whole = replace(recipe, side_effects=0)
    if isinstance(so_far, Building) and so_far.recipe == whole:
        return so_far
    return Building(whole)


def build(
    engine: Engine,
    recipe: Recipe,
    so_far: Building,
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
) -> Iterator[Building]:
    """Goes on from there: after each feature that is tested and each that is added, and once more
    when the chosen set has its held-out figures. Raising from a callback stops it.
    """
    if so_far.candidates is None:
        so_far = so_far._replace(candidates=tuple(candidates(engine, recipe, on_wait)))
        yield so_far
    known = {one.feature for one in so_far.tested}
    left = [one for one in so_far.candidates or () if one.feature not in known]
    for tested in screen(engine, recipe, left, on_partial, on_wait):
        so_far = so_far._replace(tested=(*so_far.tested, tested))
        yield so_far
    side_effects = recipe.side_effects
    if so_far.of(side_effects).complete:
        return
    steps: list[Step] = []
    for step in grow(engine, recipe, so_far.order(side_effects), on_partial, on_wait):
        steps.append(step)
        so_far = so_far.with_grown(side_effects, Grown(tuple(steps)))
        yield so_far
    grown = Grown(tuple(steps), complete=True)
    if grown.chosen is not None:
        found = report(
            engine,
            grown.chosen.setting,
            f"built of {grown.chosen.n} features by attribution, {recipe.in_words}",
            so_far.tried(side_effects),
            on_partial=on_partial,
            on_wait=on_wait,
        )
        grown = grown._replace(found=found)
    yield so_far.with_grown(side_effects, grown)
