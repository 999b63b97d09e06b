"""The runs narrowed by the user, and the one that is selected."""

import csv

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from components.runs.table import COLUMNS, MORE, for_file, narrowed, with_words
from components.spreadsheets import csv_of

GATED = "gate rho > 0.25, all set where one fires"
RUNS = pd.DataFrame(
    [
        {
            "id": id_,
            "star": star,
            "front": front,
            "name": name,
            "note": note,
            "hypothesis": "",
            "clamps": clamps,
            "method": method,
            "kind": kind,
            "rival": rival,
            "swept": swept,
            "when": "2026-01-01 10:00",
            "features": 1,
            "strength": "−3x",
            "forget": 50.0,
            "retain": 70.0,
            "forget_change": change,
            "forget_change_low": change - 5,
            "forget_change_high": change + 5,
            "forget_said": f"{change} pp",
            "retain_change": -change,
            "retain_change_low": -change - 5,
            "retain_change_high": -change + 5,
            "retain_said": "no change",
            "held_forget": change + 1,
            "held_retain": -0.5,
        }
        for id_, star, front, name, note, clamps, method, kind, rival, change, swept in [
            ("a", True, False, "First", "too STRONG", "2:-40", "", "clamps", "", -24.1, False),
            ("b", False, True, "Second", "", "3:-5", GATED, "gated clamps", "", -3.0, False),
            ("c", True, True, "3 features", "", "2:-4,5:-1", "", "clamps", "", -9.0, True),
            ("d", False, True, "RMU l7", "", "", "", "RMU", "rmu:l7", -12.5, False),
        ]
    ]
)


@pytest.mark.parametrize(
    ("words", "only", "ids"),
    [
        ("", [], ["a", "b", "c", "d"]),
        ("", ["starred"], ["a", "c"]),
        ("", ["on the front"], ["b", "c", "d"]),
        ("", ["starred", "on the front"], ["c"]),
        ("strong", [], ["a"]),
        ("SECOND", [], ["b"]),
        ("2:-4", [], ["a", "c"]),
        ("2:-4", ["on the front"], ["c"]),
        ("Gate rho", [], ["b"]),
        ("rmu:l7", [], ["d"]),
        ("true", [], []),
    ],
)
def test_a_run_is_shown_when_it_passes_every_filter(words, only, ids):
    assert narrowed(RUNS, words, only)["id"].tolist() == ids


@pytest.mark.parametrize(
    ("kinds", "ids"),
    [([], ["a", "b", "c", "d"]), (["RMU"], ["d"]), (["clamps", "gated clamps"], ["a", "b", "c"])],
)
def test_runs_are_shown_of_the_kinds_that_are_chosen(kinds, ids):
    assert narrowed(RUNS, "", [], kinds)["id"].tolist() == ids


def test_points_of_sweeps_are_left_out_unless_asked_for():
    assert narrowed(RUNS, "", [], swept=False)["id"].tolist() == ["a", "b", "d"]


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("newest first", "abcd"),
        ("most forgotten first", "adcb"),
        ("least cost first", "adcb"),
        ("most forgotten, held-out half", "adcb"),
        ("name", "cadb"),
    ],
)
def test_runs_come_in_the_order_that_is_asked_for(order, ids):
    assert narrowed(RUNS, "", [], order=order)["id"].tolist() == list(ids)


def test_changes_are_sorted_as_numbers_and_said_with_their_intervals():
    said = with_words(RUNS, {"a": "7 parts in 10 with any features"})
    assert [str(change) for change in said["forget_change"]] == [
        "-24.1 pp",
        "-3.0 pp",
        "-9.0 pp",
        "-12.5 pp",
    ]
    assert sorted(said["forget_change"])[0] == -24.1
    assert str(said["held_out"][0]) == "−23.1 / −0.5 pp"
    assert said["controls"].tolist() == ["7 parts in 10 with any features", *["not run"] * 3]


def test_a_spreadsheet_gets_numbers_with_the_ends_of_their_intervals():
    rows = list(csv.DictReader(csv_of(for_file(with_words(RUNS, {}))).decode().splitlines()))
    assert [float(row["forget_change"]) for row in rows] == [-24.1, -3.0, -9.0, -12.5]
    assert float(rows[0]["forget_change_low"]) == -29.1
    assert {*COLUMNS, *MORE} - {"held_out"} <= set(rows[0])


def script(runs, chosen):
    from components.runs.table import draw_filters, draw_table, narrowed, with_words

    swept = int(runs["swept"].sum())
    shown = narrowed(runs, *draw_filters(set(runs["kind"]), swept))
    chosen.append(draw_table(with_words(shown, {})))


@pytest.fixture
def chosen():
    """The run chosen in each run of the script."""
    return []


@pytest.fixture
def at(chosen):
    at = AppTest.from_function(script, args=(RUNS, chosen)).run()
    assert not at.exception
    return at


def select(at, row):
    key = at.dataframe[0].proto.id.split("-", 2)[-1]
    at.session_state[key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return at.run()


def test_without_a_selection_no_run_is_chosen(at, chosen):
    assert chosen == [None]


def test_the_selected_run_is_chosen(at, chosen):
    select(at, 1)
    assert chosen[-1] == "b"


def test_another_list_is_another_table_without_a_selection(at, chosen):
    select(at, 1)
    at.text_input(key="runs_find").set_value(" 2:-4 ").run()
    assert at.dataframe[0].value["name"].tolist() == ["First"]
    assert chosen[-1] is None


def test_kinds_that_were_tried_are_offered_and_narrow_the_list(at):
    kinds = at.button_group(key="runs_kinds")
    assert kinds.options == ["clamps", "gated clamps", "RMU"]
    kinds.set_value(["RMU"]).run()
    assert at.dataframe[0].value["name"].tolist() == ["RMU l7"]


def test_points_of_sweeps_are_listed_by_a_switch(at):
    assert len(at.dataframe[0].value) == 3
    (switch,) = (t for t in at.toggle if t.label == "With 1 sweep point")
    switch.set_value(True).run()
    assert len(at.dataframe[0].value) == 4


def test_technical_columns_stand_behind_a_switch(at):
    assert "clamps" not in at.dataframe[0].proto.column_order
    next(t for t in at.toggle if t.label == "More columns").set_value(True).run()
    assert [*at.dataframe[0].proto.column_order] == [*COLUMNS, *MORE]
