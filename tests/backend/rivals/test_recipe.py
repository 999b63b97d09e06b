"""A recipe: its range, its name, where its numbers come from."""

import re
from dataclasses import asdict

import pytest

from backend.errors import BadInput
from backend.rivals.recipe import Recipe, read_recipe, recipe_of
from backend.setups import RmuSource


@pytest.mark.parametrize(
    ("recipe", "short"),
    [
        (Recipe(), "l7-s3-a100"),
        (Recipe(3, 200, "raw", lr=5e-5), "l3-s200raw-a100"),
        (Recipe(strength=2.5, steps=80, seed=4), "l7-s2.5-a100-n80-seed4"),
        (
            Recipe(999, 0.0000123456, "raw", 1e6, 100_000, seed=2**32 - 1),
            "l999-s1.23e-05raw-a1e06-n100000-seed4294967295",
        ),
    ],
)
def test_the_short_form_is_fit_for_a_name(recipe, short):
    assert recipe.short == short
    assert re.fullmatch(r"[a-z0-9.-]{1,51}", short)  # a hyphen and eight of the hash are added


def test_the_block_and_the_two_before_it_are_trained():
    assert list(Recipe(layer=7).blocks) == [5, 6, 7]


def test_a_whole_number_makes_the_same_recipe():
    assert asdict(Recipe(strength=3, alpha=100)) == asdict(Recipe())
    assert isinstance(Recipe(strength=3).strength, float)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"layer": 1}, "RMU's layer can be 2 to 999, not 1."),
        ({"strength": -1}, "RMU's strength can be 0.0 to 1,000,000.0, not -1.0."),
        ({"strength": float("nan")}, "RMU's strength can be 0.0 to 1,000,000.0, not nan."),
        ({"unit": "cooked"}, "RMU's unit can be residual or raw, not 'cooked'."),
        ({"steps": 0}, "RMU's steps can be 1 to 100,000, not 0."),
        ({"lr": 2.0}, "RMU's lr can be 1e-08 to 1.0, not 2.0."),
    ],
)
def test_a_number_out_of_range_is_said(field, said):
    with pytest.raises(BadInput) as error:
        Recipe(**field)
    assert str(error.value) == said


def test_what_is_given_goes_before_the_setup_and_that_before_the_defaults():
    source = RmuSource(layer=3, strength=200.0, unit="raw", models=())
    assert recipe_of(source, strength=400.0, seed=None) == Recipe(3, 400.0, "raw")
    assert recipe_of(None) == Recipe()


def test_in_words_and_as_arguments():
    assert Recipe(3, 200, "raw").in_words == (
        "blocks 1 to 3, strength 200, alpha 100, 150 steps of 4 and 4 pieces of up to 128 tokens, "
        "learning rate 0.0005, seed 0"
    )
    assert "strength 3 times the residual's median length, alpha" in Recipe().in_words
    assert Recipe().arguments == (
        "--layer 7 --strength 3.0 --unit residual --alpha 100.0 --steps 150 --lr 0.0005 --batch 4 "
        "--tokens 128 --seed 0"
    )


def test_a_recipe_is_read_back_from_its_fields():
    assert read_recipe(asdict(Recipe(3, 200, "raw")), "it") == Recipe(3, 200, "raw")


@pytest.mark.parametrize(
    "change",
    [{"layer": "x"}, {"layer": "7"}, {"more": 1}, {"lr": None}, {"unit": "cooked"}, {"steps": 1.5}],
)
def test_other_fields_are_no_recipe(change):
    with pytest.raises(BadInput):
        read_recipe({**asdict(Recipe()), **change}, "it")
    with pytest.raises(BadInput):
        read_recipe([], "it")
