"""The line above the sliders."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from backend.interventions.board import Board, Slider
from components.clamping.arrange import heading
from components.clamping.sliders import UNITS

BOARD = Board((Slider(2, -4.0), Slider(3, -5.0, on=False)))
ON = Board((Slider(2, -4.0), Slider(3, -5.0)))


@pytest.mark.parametrize(
    ("board", "preset", "line"),
    [
        (BOARD, None, "2 clamped after block 2 of 4: 1 on, 1 off"),
        (ON, None, "2 clamped after block 2 of 4"),
        (ON, "Forget biology", "“Forget biology”: 2 clamped after block 2 of 4"),
    ],
)
def test_it_says_how_many_where_whether_some_are_off_and_which_preset(board, preset, line):
    assert heading(board, preset, "block 2 of 4") == line


def script(engine, board, shown, on_reset, on_remove):
    from components.clamping.arrange import draw_arrange

    shown.append(draw_arrange(engine, board, on_reset=on_reset, on_remove=on_remove))


@pytest.fixture
def asked():
    return []


@pytest.fixture
def shown():
    """The arrangement of each run."""
    return []


@pytest.fixture
def at(asked, shown):
    engine = SimpleNamespace(preset_titles={}, model=SimpleNamespace(block=1, n_blocks=4))
    acts = (lambda: asked.append("reset"), lambda: asked.append("remove"))
    return AppTest.from_function(script, args=(engine, BOARD, shown, *acts)).run()


def test_at_first_sliders_stand_as_added_in_multiples_of_their_maximum(at, shown):
    assert shown == [("x max", "as added", "none")]


def test_the_user_arranges_them(at, shown):
    at.button_group(key="clamp_unit").set_value("raw")
    at.selectbox(key="clamp_order").set_value("number")
    at.selectbox(key="clamp_group").set_value("on or off").run()
    assert shown[-1] == ("raw", "number", "on or off")


@pytest.mark.parametrize("unit", UNITS)
def test_values_are_shown_in_each_unit(at, shown, unit):
    at.button_group(key="clamp_unit").set_value(unit).run()
    assert shown[-1].unit == unit


@pytest.mark.parametrize(
    ("label", "wish"),
    [("Reset all to where they came from, on", "reset"), ("Remove all", "remove")],
)
def test_all_of_them_can_be_reset_or_removed(at, asked, label, wish):
    next(b for b in at.button if b.label == label).click().run()
    assert asked == [wish]
