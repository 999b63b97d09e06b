"""The questions narrowed by the user, and the one that is selected."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from components.questions.table import SHOWN, narrowed

TABLE = pd.DataFrame(
    [
        {"change": "lost", "set": "Biology", "topic": "cells", "features": [2, 9]},
        {"change": "gained", "set": "Biology", "topic": "bones", "features": [2]},
        {"change": "unchanged", "set": "History", "topic": "cells", "features": []},
    ],
    index=[10, 11, 12],
).assign(p_before=[0.9, 0.1, 0.5], p_after=[0.2, 0.8, 0.5])
ALL = ("lost", "gained", "unchanged")


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        ((ALL, "all", "all", None), [10, 11, 12]),
        ((("lost", "gained"), "all", "all", None), [10, 11]),
        ((ALL, "History", "all", None), [12]),
        ((ALL, "all", "cells", None), [10, 12]),
        ((ALL, "all", "all", 9), [10]),
        ((ALL, "Biology", "bones", 9), []),
        (((), "all", "all", None), []),
    ],
)
def test_a_row_is_shown_when_it_passes_every_filter(filters, rows):
    assert narrowed(TABLE, *filters).index.tolist() == rows


def script(table, chosen):
    from components.questions.table import draw_questions

    chosen.append(draw_questions(table, (2, 9), {2: "bones", 9: "cells"}.get))


@pytest.fixture
def chosen():
    """The row chosen in each run."""
    return []


@pytest.fixture
def at(chosen):
    missing = [column for column in SHOWN if column not in TABLE]
    table = TABLE.assign(**dict.fromkeys(missing, ""))
    return AppTest.from_function(script, args=(table, chosen)).run()


def test_at_first_what_changed_is_shown(at):
    assert at.dataframe[0].value["change"].tolist() == ["lost", "gained"]
    assert at.caption[0].value.startswith("2 of 3 questions.")


def test_what_was_asked_chosen_and_lost_comes_first_and_the_furthest_fall_on_top(chosen):
    again = TABLE.iloc[[0]].assign(p_before=0.99, p_after=0.0).set_axis([13])
    table = pd.concat([TABLE, again])
    missing = [column for column in SHOWN if column not in table]
    at = AppTest.from_function(script, args=(table.assign(**dict.fromkeys(missing, "")), chosen))
    shown = at.run().dataframe[0].value
    assert shown.columns[:5].tolist() == ["question", "right", "after", "p_before", "p_after"]
    assert shown["p_before"].tolist() == [0.99, 0.9, 0.1]


def test_clamped_features_are_offered_by_name(at):
    options = at.selectbox(key="questions_feature").options
    assert options == ["any or none", "2 · bones", "9 · cells"]


def test_without_a_selection_no_row_is_chosen(at, chosen):
    assert chosen == [None]


def test_the_selected_row_is_the_tables_not_that_of_what_is_shown(at, chosen):
    at.selectbox(key="questions_feature").set_value(2)
    at.button_group(key="questions_change").set_value(["gained"]).run()
    key = at.dataframe[0].proto.id.split("-", 2)[-1]
    at.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    at.run()
    assert chosen[-1] == 11


def test_what_the_gate_makes_of_each_is_shown_where_there_is_one(at, chosen):
    assert not {"opens", "gate"} & set(at.dataframe[0].value.columns)
    missing = [column for column in SHOWN if column not in TABLE]
    table = TABLE.assign(**dict.fromkeys(missing, "x"), opens=[True, False, False], gate=0.25)
    shown = AppTest.from_function(script, args=(table, chosen)).run().dataframe[0].value
    assert shown["opens"].tolist() == [True, False]
    assert shown["gate"].tolist() == [0.25, 0.25]
