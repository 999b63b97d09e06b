"""Two settings side by side."""

from types import SimpleNamespace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from backend.evaluation.versus import Versus, together
from backend.interventions.method import Gate, Method, Setting, setting_of
from backend.interventions.rival import Rival
from backend.statistics import PairedChange
from components.runs.versus import versus_table, when_it_acts

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


def test_all_sets_of_a_role_have_a_row_of_their_own():
    table = versus_table([*together([LESS, SAME, SAME]), LESS, SAME, SAME])
    assert table["Set"].tolist()[:2] == ["all forget", "all retain"]
    assert table["n"].tolist()[:2] == [10, 10]


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
    assert at.caption[1].value.startswith("3 features: 1 only in A, 1 only in B, 1 with the same")


def test_at_first_questions_that_tell_the_settings_apart_are_shown(at):
    assert at.dataframe[2].value["question"].tolist() == list("vwx")


def test_the_user_chooses_which_questions_are_shown(at):
    at.button_group(key="versus_kind").set_value(["both", "neither"]).run()
    assert at.dataframe[2].value["question"].tolist() == list("yz")
    assert at.caption[2].value.startswith("2 of 5 questions.")


def pins_script(engine, pins, names, on_pin):
    from components.runs.versus import draw_pins

    draw_pins(engine, pins, names, on_pin)


ONE = setting_of([(1, -4.0)])


@pytest.fixture
def unpinned():
    return []


def drawn(pins, unpinned=None, found=lambda setting: SimpleNamespace(setting=setting)):
    engine = SimpleNamespace(finished=found, name_of=lambda setting: "by itself")

    def on_pin(*pin):
        unpinned.append(pin)

    return AppTest.from_function(pins_script, args=(engine, pins, {ONE: "Mine"}, on_pin)).run()


def test_what_is_not_pinned_is_said():
    at = drawn((ONE, None))
    assert [t.value for t in at.text] == ["A: Mine", "B: nothing pinned"]
    assert at.caption[0].value.startswith("Select a run and compare it")


def test_a_pin_that_is_not_listed_is_named_by_itself():
    other = setting_of([(2, -4.0)])
    assert "B: by itself" in [t.value for t in drawn((None, other)).text]


WHEN = "When they act: "


def when_they_act(toy, *methods):
    """What is said of the methods of the same clamps, side by side."""
    pins = tuple(setting_of([(1, -200.0)], method) for method in methods)
    for setting in pins:
        toy.evaluate(setting)
    names = dict.fromkeys(pins, "Mine")
    at = AppTest.from_function(pins_script, args=(toy, pins, names, lambda *pin: None)).run()
    assert not at.exception
    assert "1 features: 0 only in A" in " ".join(c.value for c in at.caption)
    return [c.value.removeprefix(WHEN) for c in at.caption if c.value.startswith(WHEN)]


def test_methods_that_differ_are_said(toy):
    (said,) = when_they_act(toy, Method(), Method(0.5, Gate("window", 0.4, 8)))
    assert said.replace("\\", "") == (
        "A wherever a clamped feature fires; B gate window of 8 > 0.4, firing above 0.5."
    )


def test_one_method_of_both_is_not_spoken_of(toy):
    gated = Method(gate=Gate("rho", 0.3))
    assert when_they_act(toy, gated, gated) == []


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (Setting(rival=Rival("leace", "f", 1.5)), "LEACE × 1.5, in the place of clamps"),
        (setting_of([(1, -1.0)], Method(gate=Gate("rho", 0.3))), "gate rho > 0.3"),
        (setting_of([(1, -1.0)]), "wherever a clamped feature fires"),
    ],
)
def test_a_rival_is_said_to_stand_in_the_place_of_clamps(setting, said):
    assert when_it_acts(setting) == said


def test_two_rivals_have_no_clamps_to_list():
    empty = pd.DataFrame({"feature": [], "a": [], "b": []})
    questions = pd.DataFrame({"right under": ["only A"], "question": ["v"]})
    at = AppTest.from_function(script, args=([LESS], empty, questions)).run()
    assert not at.exception
    assert len(at.dataframe) == 2


def test_a_pin_is_taken_away(unpinned):
    drawn((ONE, None), unpinned).button[0].click().run()
    assert unpinned == [("A", None)]


def test_a_pin_whose_result_is_gone_is_nothing_pinned():
    at = drawn((ONE, None), found=lambda setting: None)
    assert [t.value for t in at.text] == ["A: nothing pinned", "B: nothing pinned"]
    assert not at.button
