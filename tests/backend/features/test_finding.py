"""What is listed, in which order, and why."""

import numpy as np
import pandas as pd
import pytest

from backend.errors import BadInput
from backend.features.finding import Filters, find, good_one, numbers

TABLE = pd.DataFrame(
    {
        "feature": range(5),
        "label": ["heart", "", "cells", "", ""],
        "star": [False, True, False, False, False],
        "forget_density": [0.1, 0.02, 0.03, 0.0, 0.2],
        "retain_density": [0.0, 0.5, 0.001, 0.3, 0.009],
        "selectivity": [6.0, -4.0, 4.9, -9.0, 4.5],
        "max_act": [9.0, 8.0, 7.0, 6.0, 5.0],
        "fires_forget": [3, 2, 1, 0, 0],
        "fires_retain": [0, 5, 0, 1, 0],
        "known_forget": [2, 0, 1, 0, 0],
    }
)
HITS = pd.DataFrame(
    {
        "feature": [2, 0],
        "score": [6.0, 3.0],
        "label": [6.0, 0.0],
        "top_words": [0.0, 3.0],
        "promoted": [0.0, 0.0],
    }
)
ON_TEXT = pd.DataFrame(
    {"feature": [4, 0], "act": [10.0, 5.0], "at": [3, 7], "strength": [10.0, 5.0]}
)


def listed(**kw):
    return find(TABLE, **kw)["feature"].tolist()


def test_keywords_and_text_are_blended_by_their_shares():
    assert listed(hits=HITS) == [2, 0] and listed(on_text=ON_TEXT) == [0, 4]
    both = find(TABLE, hits=HITS, on_text=ON_TEXT)
    assert both["feature"].tolist() == [2, 0, 4]
    assert both["score"].tolist() == [6.0, 3.0 + 2.0, 4.0]
    assert both["at"].tolist() == [-1, 7, 3]
    assert both["act"].tolist()[1:] == [5.0, 10.0]
    assert np.isnan(both["act"][0])


def test_without_a_search_every_feature_is_there_and_has_no_score():
    table = find(TABLE, rank="feature number")
    assert sorted(table["feature"]) == [0, 1, 2, 3, 4]
    assert set(table["score"]) == {0.0}
    assert set(table["at"]) == {-1}
    assert table["act"].isna().all()


def test_a_ranker_orders_what_was_found_and_leaves_out_what_its_rule_does():
    assert listed(rank="paper") == [4, 0, 2]
    assert listed(rank="paper", setting=0.005) == [0, 2]
    assert listed(rank="paper", hits=HITS) == [0, 2]
    assert listed(rank="retain density", smallest_first=True) == [0, 2, 4, 3, 1]
    assert listed(rank="max activation") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (Filters(), [0, 1, 2, 3, 4]),
        (Filters(forget_above=0.03), [0, 4]),
        (Filters(retain_below=0.009), [0, 2]),
        (Filters(min_selectivity=4.9), [0, 2]),
        (Filters(labelled=True), [0, 2]),
        (Filters(starred=True), [1]),
        (Filters(known=True), [0, 2]),
        (Filters(known=True, min_selectivity=5), [0]),
    ],
)
def test_filters_keep_what_they_say(filters, kept):
    assert sorted(listed(rank="max activation", filters=filters)) == kept
    fields = filters.__dataclass_fields__
    on = [name for name in fields if getattr(filters, name) != getattr(Filters(), name)]
    assert len(filters.in_words()) == len(on)


def test_percentiles_of_a_ranker_are_over_all_features_not_the_found_ones():
    table = TABLE.assign(
        forget_mean=[1.0, 2.0, 3.0, 4.0, 0.0], retain_mean=[1.0, 0.5, 1.0, 2.0, 1.0]
    )
    assert find(table, rank="dsg", hits=HITS)["feature"].tolist() == []
    assert find(table, rank="dsg", setting=75, hits=HITS)["feature"].tolist() == [2]


def test_an_unknown_order_is_refused():
    with pytest.raises(BadInput, match="no order 'x'"):
        listed(rank="x")


def test_by_relevance_features_on_no_question_come_last_however_strong():
    assert listed(on_text=ON_TEXT)[-1] == 4  # the strongest on the text; it is in no question
    assert listed(on_text=ON_TEXT, smallest_first=True)[-1] == 4
    assert listed(on_text=ON_TEXT, rank="max activation") == [0, 4]


def test_without_a_search_relevance_is_selectivity_with_those_on_no_forget_question_last():
    # By selectivity alone feature 4 (4.5) stands before feature 1 (-4); feature 3 has no density.
    assert listed() == [0, 2, 1, 4]
    assert listed(rank="selectivity") == [0, 2, 4, 1]


def test_features_named_by_number_come_first_whatever_the_ranking_and_the_filters():
    assert listed(named=[3]) == [3]
    assert listed(named=[3, 1], hits=HITS) == [3, 1, 2, 0]
    assert listed(named=[0], hits=HITS, rank="paper", filters=Filters(starred=True)) == [0]
    assert listed(named=[3], rank="selectivity") == [3]  # the ranking leaves it out


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("2187", [2187]),
        (" #2187 ", [2187]),
        ("40, #7 40", [40, 7]),
        ("4096", []),
        ("7 9999", []),
        ("-3", []),
        ("²", []),
        ("virus 7", []),
        ("", []),
        ("9" * 50, []),
    ],
)
def test_a_number_typed_is_a_feature_if_there_is_one(query, named):
    assert numbers(query, 4096) == named


def test_the_feature_to_look_at_first_has_a_label_where_one_has():
    assert good_one(TABLE) == 0
    assert good_one(TABLE.assign(label="")) == 0
    assert good_one(TABLE.assign(label=["", "", "cells", "", ""])) == 2
    assert good_one(TABLE.head(0)) == 0


def test_nothing_found_is_an_empty_list():
    assert listed(hits=HITS.head(0)) == []
    assert listed(on_text=ON_TEXT.head(0)) == []
