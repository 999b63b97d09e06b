"""Each ranker on a case worked by hand."""

import pandas as pd
import pytest

from backend.features.rankers import RANKERS, score


def features(**columns):
    return pd.DataFrame(columns)


def ranked(name, table, setting=None):
    scores = score(name, table, setting).dropna()
    return scores.sort_values(ascending=False, kind="stable").index.tolist()


def test_selectivity_leaves_out_what_never_fires_on_forget_text():
    table = features(selectivity=[1.0, 3.5, -2.0, 4.0], forget_density=[0.1, 0.2, 0.3, 0.0])
    assert ranked("selectivity", table) == [1, 0, 2]


def test_the_papers_ranking_is_forget_density_below_the_retain_threshold():
    table = features(
        forget_density=[0.30, 0.10, 0.20, 0.05, 0.0], retain_density=[0.02, 0.009, 0.01, 0.0, 0.0]
    )
    # 0 and 2 are not below 1 %, 4 never fires on forget text
    assert ranked("paper", table) == [1, 3]
    assert ranked("paper", table, 0.05) == [0, 2, 1, 3]
    assert ranked("paper", table, 0.001) == [3]


def test_dsg_keeps_the_ratios_percentile_and_ranks_by_the_squared_mean():
    # squared forget means 1, 4, 9, 16, 0; ratios 1/1, 4/0.25 = 16, 9/1 = 9, 16/4 = 4, 0
    table = features(forget_mean=[1.0, 2.0, 3.0, 4.0, 0.0], retain_mean=[1.0, 0.5, 1.0, 2.0, 1.0])
    assert score("dsg", table, 0)[:4].tolist() == [1, 4, 9, 16]
    assert ranked("dsg", table, 0) == [3, 2, 1, 0]
    assert ranked("dsg", table, 50) == [3, 2, 1]  # the ratios' median is 4
    assert ranked("dsg", table, 75) == [2, 1]  # their 75th percentile is 9
    assert ranked("dsg", table) == [1]  # their 95th, 9 + 0.8 * 7 = 14.6


def test_dsg_drops_the_five_percent_weakest_on_forget_text():
    table = features(forget_mean=[0.01, *[1.0] * 19], retain_mean=[1e-9, *[1.0] * 19])
    assert 0 not in ranked("dsg", table, 0)


def test_crisp_is_a_difference_of_densities_where_the_sums_ratio_is_reached():
    table = features(
        forget_density=[0.30, 0.10, 0.20, 0.0],
        retain_density=[0.10, 0.02, 0.19, 0.0],
        forget_mean=[3.1, 1.1, 9.0, 0.0],
        retain_mean=[1.0, 0.5, 1.0, 0.0],
    )
    assert ranked("crisp", table) == [0, 2]
    assert score("crisp", table)[0] == pytest.approx(0.2)
    assert ranked("crisp", table, 2) == [0, 1, 2]


def test_attribution_has_both_signs():
    table = features(attr_forget=[0.5, -2.0, 0.0, 1.5, -0.1])
    assert ranked("attribution", table) == [3, 0]
    assert ranked("attribution-against", table) == [1, 4]
    assert score("attribution-against", table)[1] == 2.0


def test_every_ranker_says_its_rule_and_its_source_and_runs_on_the_toys_table(toy):
    table = toy.atlas.table.assign(attr_forget=0.1, attr_retain=0.0)
    for name, ranker in RANKERS.items():
        assert ranker.what and ranker.formula and ranker.source
        assert len(score(name, table)) == len(table)
        if ranker.setting:
            assert ranker.setting.default in ranker.setting.options
