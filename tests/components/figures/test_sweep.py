from dataclasses import replace

import pytest

from backend.errors import BadInput
from backend.experiments.sweep import Point
from components.figures.sweep import counts, numbers_in, point_rows, point_table
from tests.support.results import RESULT

POINTS = [Point(n, multiple, (), RESULT, RESULT) for n in (1, 10) for multiple in (-2.0, -8.0)]


def test_there_is_a_row_for_each_point_and_a_line_for_each_number_of_features():
    rows = point_rows(POINTS)
    assert rows["features"].tolist() == ["1 feature"] * 2 + ["10 features"] * 2
    assert rows["strength"].tolist() == ["−2x", "−8x"] * 2


def test_a_row_has_accuracies_and_their_intervals_in_percent():
    row = point_rows(POINTS).iloc[0]
    assert (row["forget"], row["baseline_retain"]) == (50.0, 70.0)
    assert (round(row["forget_low"], 1), round(row["retain_high"], 1)) == (43.9, 56.1)


def test_an_interval_stays_between_none_and_all():
    wide = replace(RESULT, ci_low_pp=-90.0, ci_high_pp=40.0)
    row = point_rows([Point(1, 0.0, (), wide, RESULT)]).iloc[0]
    assert (row["forget_low"], row["forget_high"]) == (0.0, 100.0)


def test_the_table_says_the_same_in_words():
    row = point_table(POINTS).iloc[0]
    assert (row["features"], row["strength"]) == (1, "−2x")
    assert row["forget"] == "50.0 % (−20.0 pp [−26.1, −13.9], n 200)"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0, -2,−4x  8", [0.0, -2.0, -4.0, 8.0]), ("", [])],
)
def test_numbers_are_read_as_people_write_them(text, numbers):
    assert numbers_in(text) == numbers


def test_what_is_no_number_is_named():
    with pytest.raises(BadInput, match="'lots' is not a number"):
        numbers_in("2 lots")


@pytest.mark.parametrize(
    ("n", "expected"), [(1, [1]), (2, [1, 2]), (30, [1, 10, 20, 30]), (200, [20, 50, 100, 200])]
)
def test_the_papers_numbers_of_features_are_offered_as_far_as_there_are_so_many(n, expected):
    assert counts(n) == expected
