"""The runs page drawn by Streamlit's own AppTest, on the toy setup."""

import pytest
import streamlit

from backend.experiments.controls import finished_controls, run_controls
from backend.experiments.damage import elsewhere, tenths
from backend.experiments.effects import control_effect, own_effect
from backend.experiments.sweep import run_sweep
from backend.interventions.clamps import format_clamps
from backend.interventions.method import Gate, Method, setting_of
from backend.interventions.visits import visitor_of
from components.serving.visitor import VISITOR
from tests.pages.test_pages import pick, words

ROLES = ("forget", "retain")
FIRST, SECOND, THIRD = (setting_of([clamp]) for clamp in ((1, -200.0), (2, -40.0), (3, -5.0)))


@pytest.fixture
def empty(toy):
    """The toy with nothing tried."""
    for trial in toy.history.trials():
        toy.results.forget(trial.run.setting)
    return toy


@pytest.fixture
def tried(empty):
    """The toy with three settings tried, of which one has a star, and one a name and a note."""
    for setting in (FIRST, SECOND, THIRD):
        empty.evaluate(setting)
    empty.results.remember(SECOND, {}, "less *biology*", 0.0)
    empty.results.annotate(SECOND, name="Mine", note="as expected")
    empty.results.annotate(THIRD, star=True)
    return empty


def listed(at):
    """The clamps of the runs in the table."""
    table = next(frame.value for frame in at.dataframe if "hypothesis" in frame.value)
    return table["clamps"].tolist()


def select(at, row):
    """A click on a row of the table."""
    table = next(frame for frame in at.dataframe if "hypothesis" in frame.value)
    key = table.proto.id.split("-", 2)[-1]
    at.session_state[key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return at.run()


def choose(at, setting):
    """The same for the row of this setting."""
    return select(at, listed(at).index(format_clamps(setting.clamps)))


def test_where_nothing_was_tried_the_page_says_so(app, empty):
    page = app("search")
    for trial in empty.history.trials():
        empty.results.forget(trial.run.setting)
    page.switch_page("pages/runs.py").run()
    assert "Nothing was tried yet." in words(page)
    assert not page.dataframe


def test_the_newest_run_comes_first(app, tried):
    assert [c for c in listed(app("runs")) if c] == ["3:-5", "2:-40", "1:-200"]


def test_without_a_selection_the_page_says_what_to_do(app, tried):
    at = app("runs")
    assert "Select a row, or a dot of the chart" in words(at)
    assert "Select a run and compare it with the board, or pin two" in words(at)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1:-200", ["1:-200"]),
        ("mine", ["2:-40"]),
        ("AS EXPECTED", ["2:-40"]),
        ("*biology*", ["2:-40"]),
    ],
)
def test_runs_are_found_by_what_is_known_of_them(app, tried, text, expected):
    at = app("runs")
    at.text_input(key="runs_find").set_value(text).run()
    assert listed(at) == expected


def test_words_that_no_run_has_are_said(app, tried):
    at = app("runs")
    at.text_input(key="runs_find").set_value("no such thing").run()
    assert "settings tried matches. Empty the fields above" in words(at)
    assert not at.dataframe


def test_only_starred_runs_are_listed_when_asked_for(app, tried):
    at = app("runs")
    at.button_group(key="runs_only").set_value(["starred"]).run()
    assert listed(at) == ["3:-5"]


def test_only_runs_on_the_front_are_listed_when_asked_for(app, tried):
    at = app("runs")
    whole = next(frame.value for frame in at.dataframe if "front" in frame.value)
    at.button_group(key="runs_only").set_value(["on the front"]).run()
    assert listed(at) == whole[whole["front"]]["clamps"].tolist()
    assert len(listed(at)) < len(whole)


def test_a_run_is_gone_back_to_and_undo_takes_that_back(app, tried):
    at = choose(app("runs", clamps="4:-1"), SECOND)
    pick(at, "Go back to this setting").click().run()
    assert at.title[0].value == "Clamp"
    assert at.session_state.board.setting() == SECOND
    pick(at, "Undo").click().run()
    assert at.session_state.board.setting() == setting_of([(4, -1.0)])


def test_a_run_by_another_method_is_found_by_it_and_gone_back_to(app, tried):
    gated = setting_of(SECOND.clamps, Method(gate=Gate("rho", 0.35)))
    tried.evaluate(gated)
    at = app("runs", clamps="4:-1")
    assert [c for c in listed(at) if c].count("2:-40") == 2
    at.text_input(key="runs_find").set_value("gate RHO").run()
    assert listed(at) == ["2:-40"]
    select(at, 0)
    pick(at, "Go back to this setting").click().run()
    assert at.session_state.board.setting() == gated


def test_one_setting_by_two_methods_is_compared(app, tried):
    gated = setting_of(SECOND.clamps, Method(gate=Gate("rho", 0.35)))
    tried.evaluate(gated)
    at = choose(app("runs"), SECOND)
    pick(at, "Pin as A").click().run()
    at.text_input(key="runs_find").set_value("2:-40").run()
    for row in range(2):
        select(at, row)
        pick(at, f"Pin as {'AB'[row]}").click().run()
    assert set(at.session_state.pins) == {SECOND, gated}
    assert "When they act: " in words(at)
    assert {t.value[3:] for t in at.text if t.value[:3] in ("A: ", "B: ")} == {
        "Mine",
        tried.name_of(gated),
    }
    assert tried.name_of(gated).endswith("x max, gated")


def test_a_note_is_kept_and_listed(app, tried):
    at = choose(app("runs"), FIRST)
    next(t for t in at.text_input if t.label == "Name").set_value("Too much")
    next(t for t in at.text_area if t.label == "Note").set_value("damage")
    next(c for c in at.checkbox if c.label == "Star").check()
    pick(at, "Keep").click().run()
    run = tried.results.read(FIRST)
    assert (run.name, run.note, run.star) == ("Too much", "damage", True)
    at.text_input(key="runs_find").set_value("damage").run()
    assert listed(at) == ["1:-200"]


def test_a_note_can_be_taken_back(app, tried):
    at = choose(app("runs"), SECOND)
    next(t for t in at.text_input if t.label == "Name").set_value("")
    next(t for t in at.text_area if t.label == "Note").set_value("")
    pick(at, "Keep").click().run()
    run = tried.results.read(SECOND)
    assert (run.name, run.note) == ("", "")
    assert run.hypothesis == "less *biology*", "what was written before it ran stays"


def test_what_was_expected_is_shown_as_it_was_written(app, tried):
    at = choose(app("runs"), SECOND)
    assert "less *biology*" in [t.value for t in at.text]


def test_a_run_is_deleted(app, tried):
    at = choose(app("runs"), FIRST)
    at.button(key="runs_delete").click().run()
    assert "1:-200" not in listed(at)
    assert tried.results.read(FIRST) is None
    assert not at.exception


def test_two_runs_are_pinned_compared_and_unpinned(app, tried):
    at = choose(app("runs"), FIRST)
    pick(at, "Pin as A").click().run()
    choose(at, SECOND)
    pick(at, "Pin as B").click().run()
    assert at.session_state.pins == (FIRST, SECOND)
    assert "B: Mine" in [t.value for t in at.text]
    beside = next(frame.value for frame in at.dataframe if "Right only in A" in frame.value)
    of_sets = [len(s.questions) for s in tried.sets]
    roles = [sum(len(s.questions) for s in tried.sets if s.role == r) for r in ROLES]
    assert beside["n"].tolist() == [*roles, *of_sets]
    pick(at, "Unpin A").click().run()
    assert at.session_state.pins == (None, SECOND)
    assert "A: nothing pinned" in [t.value for t in at.text]


def test_a_run_is_compared_with_the_board_in_two_clicks(app, tried):
    at = choose(app("runs", clamps="3:-5"), FIRST)
    pick(at, "Compare with the board").click().run()
    assert at.session_state.pins == (FIRST, THIRD)
    beside = next(frame.value for frame in at.dataframe if "Right only in A" in frame.value)
    assert beside["Set"].tolist()[:2] == ["all forget", "all retain"]


def test_controls_that_ran_are_said_and_others_are_not_run(app, tried):
    for _ in run_controls(tried, FIRST):
        pass
    at = app("runs")
    table = next(frame.value for frame in at.dataframe if "hypothesis" in frame.value)
    said = dict(zip(table["clamps"], table["controls"], strict=True))
    own = own_effect(tried.finished(FIRST))
    drawn = [control_effect(c, e) for c, e in finished_controls(tried, FIRST)]
    found = elsewhere(own, drawn)
    assert said[format_clamps(FIRST.clamps)] == (
        "nothing is lost" if found is None else f"{tenths(found.features)} with any features"
    )
    assert said[format_clamps(SECOND.clamps)] == "not run"


def test_points_of_a_sweep_are_listed_by_a_switch_and_gone_back_to(app, tried):
    swept = setting_of([(9, -2.5)])
    list(run_sweep(tried, {swept: (1, -1.0)}))
    at = app("runs")
    assert "9:-2.5" not in listed(at)
    at.toggle(key="runs_swept").set_value(True).run()
    select(at, listed(at).index("9:-2.5"))
    pick(at, "Go back to this setting").click().run()
    assert at.session_state.board.setting() == swept


def test_what_is_pinned_is_kept_for_the_browsers_next_visit(app, tried, monkeypatch):
    cookies = {VISITOR: "x" * 43}
    monkeypatch.setattr(type(streamlit.context), "cookies", property(lambda _: cookies))
    at = choose(app("runs", clamps="3:-5"), FIRST)
    assert "Kept in cache/ on this machine." in words(at)
    pick(at, "Pin as A").click().run()
    left = tried.visits.read(visitor_of("x" * 43))
    assert (left.board.setting(), left.pins) == (THIRD, (FIRST, None))
