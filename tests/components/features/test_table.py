"""Why a feature stands in the table."""

import math

import pandas as pd

from components.features.table import reasons

TOKENS = ["The", " heart", " beats"]


def test_words_found_and_the_users_text_are_each_a_reason():
    table = pd.DataFrame({"feature": [3, 4], "act": [12.34, math.nan], "at": [1, -1]})
    words = {3: {"label": ["heart"]}, 4: {"label": ["blood", "vein"]}}
    mine, other = reasons(table, words, TOKENS)
    assert mine == ["label: heart", "your text: 12.3 at “heart”"]
    assert other == ["label: blood, vein"]


def test_at_most_four_words_are_named():
    table = pd.DataFrame({"feature": [3], "act": [math.nan], "at": [-1]})
    assert reasons(table, {3: {"label": list("abcdef")}}, TOKENS) == [["label: a, b, c, d"]]


def test_a_row_that_only_a_ranking_brought_has_no_reason():
    table = pd.DataFrame({"feature": [3], "act": [math.nan], "at": [-1]})
    assert reasons(table, {}, TOKENS) == [[]]
