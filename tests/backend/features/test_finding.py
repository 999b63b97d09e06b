"""What is listed, in which order, and why."""

import numpy as np
import pandas as pd
import pytest

from backend.errors import BadInput
from backend.features.finding import Filters, find

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
    assert listed(hits=HITS) == [2, 0] and listed(on_text=ON_TEXT) == [4, 0]
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


def test_an_unknown_order_and_relevance_to_nothing_are_refused():
    with pytest.raises(BadInput, match="no order 'x'"):
        listed(rank="x")
    with pytest.raises(BadInput, match="nothing to be relevant to"):
        listed()


def test_nothing_found_is_an_empty_list():
    assert listed(hits=HITS.head(0)) == []
    assert listed(on_text=ON_TEXT.head(0)) == []
