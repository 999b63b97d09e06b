"""The foot of the clamp page: the way back, pins, and what is expected."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from backend.evaluation.history import Pooled, Trial
from backend.evaluation.results import Run
from backend.interventions.method import Gate, Method, setting_of
from components.values import Hypothesis

NOTHING = Hypothesis()
HERE, OTHER = (setting_of([(feature, -4.0)]) for feature in (1, 2))


def trial(setting, hypothesis=""):
    run = Run(setting.clamps, [], 1.0, 0.0, hypothesis=hypothesis, method=setting.method)
    return Trial(run, Pooled(40, 100), Pooled(80, 100))


TRIALS = [trial(HERE, "less *biology*"), trial(OTHER)]


def script(engine, setting, backs, how):
    from components.clamping.foot import draw_foot

    backs.append(draw_foot(engine, setting, None, **how))


@pytest.fixture
def foot(monkeypatch):
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)  # no pages in this script
    monkeypatch.setattr("streamlit.switch_page", lambda *to, **how: heard.went.append((to, how)))
    heard = SimpleNamespace(backs=[], pinned=[], expected=[], went=[], trials=TRIALS)
    engine = SimpleNamespace(
        history=SimpleNamespace(
            trials=lambda only, swept: heard.trials if swept else [],
            baseline=lambda only: (Pooled(70, 100), Pooled(80, 100)),
        ),
        name_of=str,
        max_act=lambda feature: 1.0,
        setup=SimpleNamespace(sets=(), scoring="cloze"),
    )
    monkeypatch.setattr("components.clamping.foot.published_points", lambda setup: None)

    def start(pins=(None, None), expected=NOTHING):
        how = {
            "revision": 0,
            "pins": pins,
            "expected": expected,
            "on_pin": lambda *pin: heard.pinned.append(pin),
            "on_expect": heard.expected.append,
        }
        return AppTest.from_function(script, args=(engine, HERE, heard.backs, how)).run()

    heard.start = start
    return heard


def test_nothing_is_gone_back_to_unasked(foot):
    assert not foot.start().exception
    assert foot.backs == [None]


def test_a_setting_picked_from_the_list_is_handed_back(foot):
    foot.start().selectbox[0].set_value(TRIALS[1].id).run()
    assert foot.backs[-1] == TRIALS[1].run


def test_the_present_setting_is_no_way_back(foot):
    foot.start().selectbox[0].set_value(TRIALS[0].id).run()
    assert foot.backs[-1] is None


def test_the_same_clamps_by_another_method_are_a_way_back(foot):
    gated = setting_of(HERE.clamps, Method(gate=Gate("rho", 0.25)))
    foot.trials = [trial(HERE), trial(gated)]
    foot.start().selectbox[0].set_value(foot.trials[1].id).run()
    assert foot.backs[-1].setting == gated


def test_a_setting_is_compared_with_the_board_in_one_choice(foot):
    foot.start().selectbox[1].set_value(TRIALS[1].id).run()
    assert foot.pinned == [("A", OTHER), ("B", HERE)]
    assert foot.went == [(("pages/runs.py",), {"query_params": {"compare": ""}})]


def test_this_setting_is_pinned(foot):
    foot.start().button(key="foot_pin_B").click().run()
    assert foot.pinned == [("B", HERE)]


def test_a_pin_that_is_this_setting_says_so(foot):
    button = foot.start(pins=(HERE, OTHER)).button(key="foot_pin_A")
    assert button.label == "A is this"
    assert button.disabled


def test_what_is_expected_of_the_next_setting_is_told(foot):
    foot.start().text_input[0].set_value("history stays").run()
    assert foot.expected == ["history stays"]


def test_what_was_expected_before_stands_in_the_box(foot):
    assert foot.start(expected=Hypothesis("history stays", 1.0)).text_input[0].value == (
        "history stays"
    )


def test_what_was_expected_of_this_setting_is_shown_as_it_was_written(foot):
    assert [t.value for t in foot.start().text] == ["less *biology*"]
