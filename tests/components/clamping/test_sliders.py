"""What an edit does to the board, and how sliders are arranged."""

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from backend.interventions.board import MAX_MASTER, Board, Slider
from backend.interventions.clamps import MAX_VALUE
from backend.interventions.method import Gate, Method
from components.clamping import sliders as module
from components.clamping.sliders import (
    GROUPS,
    ORDERS,
    START,
    UNITS,
    Arrangement,
    arranged,
    edited,
    fires_mostly_on,
    new_slider,
    reset,
)

ABOUT = {
    1: {"name": "Bones", "max_act": 10.0, "fires_forget": 3, "fires_retain": 0},
    2: {"name": "air", "max_act": 2.0, "fires_forget": 5, "fires_retain": 1},
    3: {"name": "cells", "max_act": 0.0, "fires_forget": 1, "fires_retain": 4},
}
ADDED = (Slider(3, -5.0), Slider(2, -4.0), Slider(1, -8.0, on=False))


def features(**how):
    groups = arranged(ADDED, ABOUT.__getitem__, Arrangement(**how))
    return {title: [slider.feature for slider in sliders] for title, sliders in groups}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("as added", [3, 2, 1]),
        ("number", [1, 2, 3]),
        ("name", [2, 1, 3]),
        ("strongest", [3, 2, 1]),
        ("most forget questions", [2, 1, 3]),
        ("most retain questions", [3, 2, 1]),
    ],
)
def test_sliders_are_sorted(order, expected):
    assert features(order=order) == {"": expected}


def test_the_first_order_and_group_stand_at_the_start():
    assert list(ORDERS)[0] == Arrangement().order
    assert list(GROUPS)[0] == Arrangement().group


def test_groups_come_by_title_and_keep_the_order():
    assert features(order="number", group="on or off") == {"Off": [1], "On": [2, 3]}


def test_groups_say_what_a_feature_fires_on():
    assert list(features(group="what it fires on")) == [
        "Fires on forget questions alone",
        "Mostly on forget questions",
        "Mostly on retain questions",
    ]


def test_a_feature_that_fires_on_no_question_says_so():
    assert fires_mostly_on({"fires_forget": 0, "fires_retain": 0}) == "Fires on no question"


BOARD = Board((Slider(2, -4.0), Slider(3, -5.0)), 1.0)


def left(monkeypatch, edit):
    """The board after the page sent this edit."""
    monkeypatch.setattr(module.st, "session_state", {"key": {"edit": edit}})
    return edited(BOARD, "key")


def edit_of(*rows, master=1.0, solo=None):
    return {"rows": [list(row) for row in rows], "master": master, "solo": solo}


def test_values_switches_master_and_solo_are_taken_over(monkeypatch):
    board = left(monkeypatch, edit_of((2, -3.5, False), (3, -5.0, True), master=2.0, solo=3))
    assert board == Board((Slider(2, -3.5, on=False), Slider(3, -5.0)), 2.0, 3)


def test_a_row_left_out_is_removed_and_its_solo_with_it(monkeypatch):
    assert left(monkeypatch, edit_of((3, -5.0, True), solo=2)) == Board((Slider(3, -5.0),))


def test_a_feature_that_is_not_on_the_board_is_passed_over(monkeypatch):
    rows = ((2, -4.0, True), (3, -5.0, True), (9, 1.0, True))
    assert left(monkeypatch, edit_of(*rows)) == BOARD


@pytest.mark.parametrize(
    "edit",
    [
        None,
        "moved",
        {},
        edit_of((2, "x", True)),
        edit_of((2, float("nan"), True)),
        edit_of((2, MAX_VALUE, True)),
        edit_of((2, -4.0)),
        edit_of((2, -4.0, True), master=MAX_MASTER + 1),
        edit_of((2, -4.0, True), master=float("nan")),
        edit_of((2, -4.0, True), master=None),
    ],
)
def test_a_message_that_does_not_fit_the_board_changes_nothing(monkeypatch, edit):
    assert left(monkeypatch, edit) == BOARD


def test_without_a_message_the_board_stays(monkeypatch):
    monkeypatch.setattr(module.st, "session_state", {})
    assert edited(BOARD, "key") == BOARD


def test_a_new_slider_stands_at_a_multiple_of_the_features_maximum():
    assert new_slider(1, 10.0) == Slider(1, 10.0 * START)


def test_reset_sets_every_slider_as_a_new_one_on_and_the_master_at_one():
    board = reset(Board(ADDED, 2.0, solo=2), ABOUT.__getitem__)
    assert board == Board(tuple(new_slider(s.feature, ABOUT[s.feature]["max_act"]) for s in ADDED))


def test_reset_takes_sliders_back_to_where_they_came_from_and_others_to_the_start():
    board = reset(Board(ADDED, 2.0, solo=2), ABOUT.__getitem__, {1: -30.0, 2: 0.0}.get)
    assert board == Board((Slider(3, START), Slider(2, 0.0), Slider(1, -30.0)))


GATED = Method(gate=Gate("rho", 0.25), reach="all")


def test_neither_an_edit_nor_a_reset_changes_the_method(monkeypatch):
    board = replace(BOARD, method=GATED)
    monkeypatch.setattr(
        module.st, "session_state", {"key": {"edit": edit_of((2, -3.5, True), (3, -5.0, True))}}
    )
    assert edited(board, "key") == Board((Slider(2, -3.5), Slider(3, -5.0)), method=GATED)
    assert reset(board, ABOUT.__getitem__).method == GATED


def script(board, about, arrangement, residual_unit, came_from):
    from components.clamping.sliders import draw_sliders

    draw_sliders(board, about, arrangement, "sliders", lambda: None, residual_unit, came_from)


def drawn(arrangement, came_from=None):
    """What the element is handed, and its rows by their feature."""
    args = (BOARD, ABOUT.__getitem__, arrangement, {2: 12.5, 3: 40.0}.__getitem__, came_from)
    at = AppTest.from_function(script, args=args).run()
    assert not at.exception, at.exception
    data = json.loads(next(e for e in at.main if e.type == "bidi_component").proto.json)
    return data, {row["feature"]: row for group in data["groups"] for row in group["rows"]}


@pytest.mark.parametrize("unit", UNITS)
def test_a_row_has_its_value_in_raw_units_and_what_each_unit_is_in_them(unit):
    data, rows = drawn(Arrangement(unit))
    assert data["unit"] == unit
    assert (rows[2]["value"], rows[2]["unit"], rows[2]["residual"]) == (-4.0, 2.0, 12.5)
    assert (rows[3]["value"], rows[3]["unit"], rows[3]["residual"]) == (-5.0, 1.0, 40.0)


@pytest.mark.parametrize(
    ("came_from", "expected"),
    [(None, {2: 2 * START, 3: START}), ({2: -3.0}.get, {2: -3.0, 3: START})],
)
def test_a_row_is_reset_to_where_it_came_from_or_where_new_ones_stand(came_from, expected):
    _, rows = drawn(Arrangement(), came_from)
    assert {feature: row["reset"] for feature, row in rows.items()} == expected


def test_a_row_has_its_name_and_how_many_questions_of_each_role_it_fires_on():
    _, rows = drawn(Arrangement())
    assert (rows[3]["name"], rows[3]["forget"], rows[3]["retain"]) == ("cells", 1, 4)
