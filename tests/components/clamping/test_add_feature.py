"""A feature is added by number, or chosen among those that words find."""

from types import SimpleNamespace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from backend.errors import BadInput
from components.clamping.add_feature import MOST_HITS, number_in

D_SAE = 24


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        (" 7 ", 7),
        ("0", 0),
        ("23", 23),
        ("24", None),
        ("²", None),
        ("٣", None),
        ("-1", None),
        ("9" * 5000, None),
        ("virus", None),
        ("", None),
    ],
)
def test_a_number_is_read_where_there_is_such_a_feature(text, feature):
    assert number_in(text, D_SAE) == feature


def script(atlas, n_features, taken, on_add):
    from components.clamping.add_feature import draw_add_feature

    draw_add_feature(atlas, n_features, taken, on_add)


class Atlas:
    def search(self, text):
        if len(text) > 100:
            raise BadInput("These are too many words.")
        found = [] if text == "xylophone" else range(20)
        return SimpleNamespace(hits=pd.DataFrame({"feature": found}))

    def about(self, feature):
        return {"name": f"name {feature}", "fires_forget": 3, "fires_retain": 1}


@pytest.fixture
def added():
    return []


@pytest.fixture
def at(added):
    return AppTest.from_function(script, args=(Atlas(), D_SAE, (1, 2), added.append)).run()


def write(at, text):
    return at.text_input(key="clamp_add").set_value(text).run()


def test_a_number_is_added_at_once_and_the_box_is_emptied(at, added):
    write(at, "7")
    assert added == [7]
    assert at.text_input(key="clamp_add").value == ""


def test_a_number_there_is_none_of_is_said(at, added):
    write(at, "99")
    assert added == []
    assert at.warning[0].value == "There is no feature 99: this SAE has features 0 to 23."


def test_words_offer_the_first_features_that_are_not_taken(at):
    write(at, "virus")
    keys = [b.key for b in at.button]
    assert keys == [f"clamp_hit_{f}" for f in (0, *range(3, 20))][:MOST_HITS]
    assert at.button[0].label == "0 · name 0 · 3 forget, 1 retain"


def test_the_feature_that_is_chosen_is_added(at, added):
    write(at, "virus")
    at.button(key="clamp_hit_5").click().run()
    assert added == [5]


def test_words_that_find_nothing_are_said(at):
    write(at, "xylophone")
    assert at.caption[0].value == "No other feature matches “xylophone”."


def test_words_that_cannot_be_looked_up_are_said(at):
    write(at, "x" * 101)
    assert at.warning[0].value == "These are too many words."
    assert not at.exception
