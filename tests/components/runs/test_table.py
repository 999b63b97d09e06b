"""The runs narrowed by the user, and the one that is selected."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from components.runs.table import COLUMNS, narrowed

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
        }
        for id_, star, front, name, note, clamps, method, kind, rival in [
            ("a", True, False, "First", "too STRONG", "2:-40", "", "clamps", ""),
            ("b", False, True, "Second", "", "3:-5", GATED, "gated clamps", ""),
            ("c", True, True, "3 features", "", "2:-4,5:-1", "", "clamps", ""),
            ("d", False, True, "RMU l7", "", "", "", "RMU", "rmu:l7"),
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


def script(runs, chosen):
    from components.runs.table import draw_filters, draw_table, narrowed

    chosen.append(draw_table(narrowed(runs, *draw_filters(set(runs["kind"])))))


@pytest.fixture
def chosen():
    """The run chosen in each run of the script."""
    return []


@pytest.fixture
def at(chosen):
    runs = RUNS.assign(**{column: "" for column in COLUMNS if column not in RUNS})
    return AppTest.from_function(script, args=(runs, chosen)).run()


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
    assert at.dataframe[0].value["name"].tolist() == ["First", "3 features"]
    assert chosen[-1] is None


def test_kinds_that_were_tried_are_offered_and_narrow_the_list(at):
    kinds = at.button_group(key="runs_kinds")
    assert kinds.options == ["clamps", "gated clamps", "RMU"]
    kinds.set_value(["RMU"]).run()
    assert at.dataframe[0].value["name"].tolist() == ["RMU l7"]
