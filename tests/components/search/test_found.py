"""What the list says of itself."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from backend.features.finding import RELEVANCE, Filters
from backend.features.search import SHOWN, Found
from components.search.found import Query, heading, nothing_left
from components.search.order import Order

BARE = Query("", None, None, Filters(), Order("selectivity"))
STARRED = Filters(labelled=True, starred=True)


@pytest.mark.parametrize(
    ("query", "n", "words"),
    [
        (BARE, 1200, "1,200 features, ranked by selectivity"),
        (BARE._replace(order=Order(RELEVANCE)), 3, "3 features, ranked by relevance, those"),
        (
            BARE._replace(order=Order("retain density", smallest_first=True)),
            3,
            "3 features, ranked by retain density, smallest first",
        ),
        (
            BARE._replace(filters=STARRED),
            3,
            "3 features, ranked by selectivity; labelled; starred, of 2,000",
        ),
    ],
)
def test_it_says_how_many_there_are_in_which_order_and_of_how_many(query, n, words):
    assert heading(query, n, 2000).startswith(words)


def test_a_list_that_is_cut_says_so():
    assert f"the first {SHOWN} are listed" in heading(BARE, SHOWN + 1, SHOWN + 1)
    assert "are listed" not in heading(BARE, SHOWN, SHOWN)


@pytest.mark.parametrize(
    ("query", "n_before", "words"),
    [
        (BARE._replace(filters=STARRED), 7, "7 features match, but none passes the filters: lab"),
        (BARE._replace(keywords="xylophone"), 0, "No feature matches “xylophone”"),
        (BARE._replace(keywords="x", on_text=("read", [], None)), 0, "No feature is left"),
        (BARE, 0, "No feature is left"),
    ],
)
def test_an_empty_list_says_why(query, n_before, words):
    assert nothing_left(query, n_before).startswith(words)


def script(found):
    from components.search.found import say_how_it_was_read

    say_how_it_was_read(found)


def said(hits, read_as):
    at = AppTest.from_function(script, args=(Found(pd.DataFrame(hits), read_as, ""),)).run()
    return [i.value for i in at.info]


def test_words_that_were_read_as_others_are_said():
    (line,) = said({"label": [1.0], "top_words": [0.0]}, {"virsu": ["virus", "viral"]})
    assert line == "“virsu” is in no label and no example. Read as: virus, viral."


def test_words_that_no_feature_is_about_are_said():
    (line,) = said({"label": [0.0], "top_words": [0.0]}, {})
    assert line.startswith("No feature is labelled so")


def test_where_nothing_was_found_nothing_is_said_of_it():
    assert said({"label": [], "top_words": []}, {}) == []
