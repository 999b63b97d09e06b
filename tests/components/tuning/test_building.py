"""The stages of a set, one after the other, stopped and gone on with."""

from dataclasses import replace

import pytest

from backend.experiments.halves import COST_PP, best
from backend.tuning.build import Recipe, candidates, grow, kept, screen
from components.tuning.building import Building, build, of_recipe

RECIPE = Recipe(multiple=-8.0, per_question=4, most=8, side_effects=2)


class Stopped(Exception):
    pass


def stop(*_):
    raise Stopped


@pytest.fixture(scope="module")
def whole(knowing):
    *_, last = build(knowing, RECIPE, Building(RECIPE))
    return last


def test_it_ends_in_what_the_backends_stages_give(knowing, whole):
    named = candidates(knowing, RECIPE)
    tested = list(screen(knowing, RECIPE, named))
    steps = list(grow(knowing, RECIPE, kept(tested, 2)))
    assert steps
    assert whole.candidates == tuple(named)
    assert whole.tested == tuple(tested)
    assert whole.of(2).steps == tuple(steps)
    chosen = best(steps, COST_PP)
    assert whole.of(2).chosen == chosen
    assert (whole.of(2).found is None) == (chosen is None)
    if chosen is not None:
        assert whole.of(2).found.setting == chosen.setting
        assert whole.of(2).found.tried == len(tested) + len(steps) - 1


def test_stopped_anywhere_it_goes_on_and_ends_in_the_same(knowing, whole):
    so_far = Building(RECIPE)
    for n in range(len(whole.tested) + 1):
        grown = build(knowing, RECIPE, so_far)
        so_far = next(grown)
        grown.close()
        assert (len(so_far.tested), so_far.candidates) == (n, whole.candidates)
    grown = build(knowing, RECIPE, so_far)
    so_far = next(grown)
    grown.close()
    assert len(so_far.of(2).steps) == 1
    *_, last = build(knowing, RECIPE, so_far)
    assert last == whole


def test_what_is_done_is_not_done_again(knowing, whole):
    assert list(build(knowing, RECIPE, whole, stop, stop)) == []


def test_other_side_effects_are_another_reading_of_the_same_screening(knowing, whole):
    fewer = replace(RECIPE, side_effects=0)
    first = next(iter(build(knowing, fewer, whole)))
    assert first.tested == whole.tested
    assert first.order(0) == kept(whole.tested, 0)
    assert first.of(2) == whole.of(2), "what was found before stays"


def test_what_is_known_is_of_its_recipe_whatever_the_side_effects():
    so_far = of_recipe(None, RECIPE)._replace(candidates=())
    assert of_recipe(so_far, replace(RECIPE, side_effects=0)) is so_far
    assert of_recipe(so_far, replace(RECIPE, multiple=-4.0)).candidates is None
    assert of_recipe("something else", RECIPE) == Building(replace(RECIPE, side_effects=0))
