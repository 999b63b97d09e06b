"""The picture of a gate: its counts, its steps, and what an edit makes of tau."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from backend.interventions.method import MAX_TAU, Gate
from components.clamping import gate as module
from components.clamping.gate import MOST_STEPS, Strip, above, edited, step_of


def statistics(*values):
    return torch.tensor(values, dtype=torch.float64)


shares = st.integers(0, 10**6).map(lambda n: n / 10**6)


@given(st.lists(shares, max_size=30), st.lists(shares, min_size=1, max_size=10))
def test_as_many_are_above_as_a_count_says(values, taus):
    # Ties too: each tau that is also a statistic.
    taus += values[:3]
    counted = [sum(value > tau for value in values) for tau in taus]
    assert above(statistics(*values), statistics(*taus)) == counted


@given(st.integers(1, 400), st.sampled_from([0.001, 0.002, 0.0005, 0.1, 0.05]))
def test_a_statistic_that_is_a_step_of_the_grid_is_not_above_it(k, step):
    steps = torch.arange(401, dtype=torch.float64) * step
    found = above(statistics(round(k * step, 6)), steps)
    assert found == [1] * k + [0] * (401 - k)


def test_no_questions_are_above_nothing():
    assert above(statistics(), statistics(0.0, 0.5)) == [0, 0]


@pytest.mark.parametrize(
    ("top", "step"),
    [(0.0, 0.01), (0.4, 0.001), (0.41, 0.002), (1.0, 0.005), (9.0, 0.05), (MAX_TAU, 5000.0)],
)
def test_a_step_is_a_round_number(top, step):
    assert step_of(top) == step


@given(st.floats(1e-6, MAX_TAU))
def test_few_steps_reach_the_top_and_no_fewer_than_need_be(top):
    step = step_of(top)
    assert float(f"{step:.0e}") == step
    assert f"{step:e}"[0] in "125"
    assert MOST_STEPS / 2.5 - 1e-6 <= top / step <= MOST_STEPS + 1e-6


SHARE, NATS = Gate("rho", 0.25), Gate("cusum", 2.0)


def left(monkeypatch, edit, gate=SHARE):
    """Tau after the page sent this edit."""
    monkeypatch.setattr(module.st, "session_state", {"key": {"edit": edit}})
    return edited(gate, "key")


@pytest.mark.parametrize(
    "edit",
    [
        None,
        "x",
        [],
        {},
        {"number": 1},
        {"tau": None},
        {"tau": "0.5"},
        {"tau": [0.5]},
        {"tau": float("nan")},
        {"tau": float("inf")},
        {"tau": -0.1},
        {"tau": 1.1},
        {"tau": 10**400},
    ],
)
def test_a_message_that_does_not_fit_changes_nothing(monkeypatch, edit):
    assert left(monkeypatch, edit) == 0.25


def test_before_any_message_tau_stands_where_it_is(monkeypatch):
    monkeypatch.setattr(module.st, "session_state", {})
    assert edited(SHARE, "key") == 0.25


@pytest.mark.parametrize(("sent", "tau"), [(0, 0.0), (1, 1.0), (0.3 + 1e-12, 0.3), (0.125, 0.125)])
def test_where_tau_was_let_go_it_stands(monkeypatch, sent, tau):
    assert left(monkeypatch, {"number": 1, "tau": sent}) == tau


def test_nats_go_beyond_a_share(monkeypatch):
    assert left(monkeypatch, {"tau": 8.5}, NATS) == 8.5
    assert left(monkeypatch, {"tau": 2 * MAX_TAU}, NATS) == 2.0


FORGET = statistics(0.1, 0.25, 0.25, 0.4)
RETAIN = statistics(0.0, 0.0, 0.3)


def script(gate, strips):
    from components.clamping.gate import draw_picture

    draw_picture(gate, strips, "picture", lambda: None)


def drawn(gate, forget=FORGET, retain=RETAIN):
    """What the element was given to draw."""
    strips = [Strip("forget", "biology", forget), Strip("retain", "the others", retain)]
    at = AppTest.from_function(script, args=(gate, strips)).run()
    assert not at.exception, at.exception
    return json.loads(next(e for e in at.main if e.type == "bidi_component").proto.json)


def test_each_strip_says_how_many_of_how_many_are_open():
    forget, retain = drawn(SHARE)["strips"]
    assert (forget["role"], forget["title"]) == ("forget", "biology")
    assert (retain["role"], retain["title"]) == ("retain", "the others")
    assert (forget["open"], forget["n"]) == (1, 4), "a tie is closed"
    assert (retain["open"], retain["n"]) == (1, 3)


def test_a_tau_between_two_steps_has_its_own_count():
    gate = Gate("rho", 0.24999)
    data = drawn(gate)
    assert data["tau"] == 0.24999
    assert data["strips"][0]["open"] == 3
    assert data["tau"] % data["step"] > 1e-9


def test_every_place_of_the_handle_has_its_count_up_to_the_largest_statistic():
    data = drawn(SHARE)
    assert data["step"] == 0.001
    for strip, values in zip(data["strips"], (FORGET, RETAIN), strict=True):
        assert len(strip["above"]) == 401
        assert strip["above"][0] == int((values > 0).sum())
        assert strip["above"][250] == strip["open"]
        assert strip["above"][-1] == 0


def test_a_tau_beyond_every_statistic_is_on_the_picture():
    data = drawn(Gate("rho", 0.9))
    assert (len(data["strips"][0]["above"]) - 1) * data["step"] >= 0.9
    assert [strip["open"] for strip in data["strips"]] == [0, 0]


@pytest.mark.parametrize(
    ("gate", "most", "words"),
    [
        (SHARE, 1.0, "share of a question's tokens"),
        (Gate("window", 0.25, 7), 1.0, "in the densest 7 in a row"),
        (NATS, MAX_TAU, "in nats"),
    ],
)
def test_a_picture_says_of_what_it_is_and_how_far_tau_goes(gate, most, words):
    data = drawn(gate)
    assert words in data["what"]
    assert data["most"] == most


@pytest.mark.parametrize("tau", [0.0, 1e-7, 1e-320, 5e-324])
def test_where_nothing_fires_there_is_a_picture_all_the_same(tau):
    forget, retain = drawn(Gate("rho", tau), statistics(0.0, 0.0), statistics())["strips"]
    assert (forget["open"], forget["n"]) == (0, 2)
    assert (retain["open"], retain["n"]) == (0, 0)
    assert set(forget["above"]) == {0}
