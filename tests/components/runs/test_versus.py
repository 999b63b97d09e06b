"""Two settings side by side."""

from types import SimpleNamespace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from backend.evaluation.history import Versus
from backend.interventions.edit import clamp_set
from backend.statistics import PairedChange
from components.runs.versus import versus_table

LESS = Versus("Bio", "forget", 10, 0.8, 0.5, 4, 1, PairedChange(-30.0, -60.2, 0.2, 0.375))
SAME = Versus("Art", "retain", 5, 0.6, 0.6, 0, 0, PairedChange(0.0, 0.0, 0.0, 1.0))


def test_each_set_says_its_change_from_a_to_b():
    table = versus_table([LESS, SAME])
    assert table["Set"].tolist() == ["Bio (forget)", "Art (retain)"]
    assert table["From A to B, 95 % interval"].tolist() == [
        "−30.0 pp [−60.2, +0.2]",
        "the same answers right",
    ]
    assert table["p"].tolist() == ["0.38", "1"]


def script(rows, settings, questions):
    from components.runs.versus import draw_versus

    draw_versus(rows, settings, questions)


@pytest.fixture
def at():
    settings = pd.DataFrame(
        {"feature": [1, 2, 3], "a": [-4.0, None, -2.0], "b": [-4.0, -1.0, None]}
    )
    kinds = ["only A", "only A", "only B", "both", "neither"]
    questions = pd.DataFrame({"right under": kinds, "question": list("vwxyz")})
    return AppTest.from_function(script, args=([LESS], settings, questions)).run()


def test_clamps_are_counted_by_where_they_are(at):
    assert at.caption[0].value.startswith("3 features: 1 only in A, 1 only in B, 1 with the same")


def test_at_first_questions_that_tell_the_settings_apart_are_shown(at):
    assert at.dataframe[2].value["question"].tolist() == list("vwx")


def test_the_user_chooses_which_questions_are_shown(at):
    at.button_group(key="versus_kind").set_value(["both", "neither"]).run()
    assert at.dataframe[2].value["question"].tolist() == list("yz")
    assert at.caption[1].value.startswith("2 of 5 questions.")


def pins_script(engine, pins, names, on_pin):
    from components.runs.versus import draw_pins

    draw_pins(engine, pins, names, on_pin)


ONE = clamp_set([(1, -4.0)])


@pytest.fixture
def unpinned():
    return []


def drawn(pins, unpinned=None, found=lambda clamps: SimpleNamespace(clamps=clamps)):
    engine = SimpleNamespace(known=found, finished=found)

    def on_pin(*pin):
        unpinned.append(pin)

    return AppTest.from_function(pins_script, args=(engine, pins, {ONE: "Mine"}, on_pin)).run()


def test_what_is_not_pinned_is_said():
    at = drawn((ONE, None))
    assert [t.value for t in at.text] == ["A: Mine", "B: nothing pinned"]
    assert at.caption[0].value.startswith("Pin two settings")


def test_a_pin_is_taken_away(unpinned):
    drawn((ONE, None), unpinned).button[0].click().run()
    assert unpinned == [("A", None)]


def test_a_pin_whose_result_is_gone_is_nothing_pinned():
    at = drawn((ONE, None), found=lambda clamps: None)
    assert [t.value for t in at.text] == ["A: nothing pinned", "B: nothing pinned"]
    assert not at.button
