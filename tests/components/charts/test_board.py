from dataclasses import replace

from components.charts.board import dumbbell
from tests.support.results import RESULT


def rows(*sets):
    tables = dumbbell(sets, 0.25).to_dict()["datasets"].values()
    return next((table for table in tables if table and "baseline" in table[0]), [])


def test_it_holds_both_accuracies_and_the_interval():
    (row,) = rows(RESULT)
    assert (row["baseline"], row["clamped"]) == (70.0, 50.0)
    assert (round(row["low"], 1), round(row["high"], 1)) == (43.9, 56.1)


def test_a_row_says_its_change_in_words():
    (row,) = rows(RESULT)
    assert row["change"] == "-20.0 pp [-26.1, -13.9]"


def test_an_interval_stays_between_none_and_all():
    (row,) = rows(replace(RESULT, ci_low_pp=-90.0, ci_high_pp=40.0))
    assert (row["low"], row["high"]) == (0.0, 100.0)


def test_a_set_of_which_nothing_is_known_yet_is_left_out():
    assert len(rows(replace(RESULT, n_done=0), RESULT)) == 1


def test_it_draws_when_no_set_is_known_yet():
    assert "layer" in dumbbell([replace(RESULT, n_done=0)], 0.25).to_dict()
