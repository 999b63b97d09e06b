"""Stepping through settings, and the slider beside it."""

from dataclasses import replace

import pytest

from backend.interventions.board import Board, Slider, board_of
from backend.interventions.clamps import Clamp
from components.stage.bar import Show, Step, moved, show, steps

ONE, TWO, OWN = (board_of([Clamp(f, -40.0)]) for f in (2, 3, 5))
SAVED = [Step("One", ONE), Step("Two", TWO)]


def test_the_board_the_stage_was_opened_with_comes_first_unless_it_is_a_saved_one():
    assert steps(OWN, "mine", SAVED) == [Step("mine", OWN), *SAVED]
    assert steps(TWO, "mine", SAVED) == SAVED
    same = replace(TWO, sliders=(*TWO.sliders, Slider(9, -1.0, on=False)))
    assert steps(same, "mine", SAVED) == SAVED, "what is in force is what counts"


def test_the_stage_opens_at_the_board_that_is_on():
    assert show(None, TWO, SAVED) == Show(TWO, TWO, 1)
    assert show(None, OWN, SAVED) == Show(OWN, OWN, 0)


def test_a_slider_moved_on_the_stage_stays_at_its_step_and_a_board_from_elsewhere_opens_anew():
    moved = Show(OWN, replace(TWO, master=0.5), 2)
    assert show(moved, replace(TWO, master=0.5), SAVED) == moved
    assert show(moved, ONE, SAVED) == Show(ONE, ONE, 0)


@pytest.mark.parametrize(
    ("edit", "now", "place"),
    [
        ({"number": 1, "at": 1, "master": None}, TWO, 1),
        ({"number": 1, "at": None, "master": 0.5}, replace(ONE, master=0.5), 0),
        ({"number": 1, "at": 1, "master": 2}, replace(TWO, master=2.0), 1),
    ],
)
def test_a_step_takes_its_board_and_the_slider_multiplies_it(edit, now, place):
    assert moved(Show(ONE, ONE, 0), SAVED, edit) == Show(ONE, now, place)


@pytest.mark.parametrize(
    "edit",
    [
        {},
        {"at": 2},
        {"at": -1},
        {"at": True},
        {"at": "1"},
        {"master": 3.1},
        {"master": -0.1},
        {"master": "2"},
        {"master": True},
        {"master": float("nan")},
    ],
)
def test_a_message_that_does_not_fit_changes_nothing(edit):
    assert moved(Show(ONE, ONE, 0), SAVED, edit) == Show(ONE, ONE, 0)


def test_an_empty_board_can_be_the_first_step():
    assert steps(Board(), "no clamp", SAVED)[0] == Step("no clamp", Board())
