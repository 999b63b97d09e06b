"""Every figure against scipy, or worked by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, sem

from backend.statistics import (
    is_inconclusive,
    longest_option_accuracy,
    mcnemar_p,
    mean_change,
    paired_change,
    wilson,
)


def test_change_and_interval_of_a_case_worked_by_hand():
    # 200 questions, 12 lost, 2 gained: -5 pp; se = sqrt(14 - 100 / 200) / 200 = 0.018371
    change = paired_change(lost=12, gained=2, n=200)
    assert change.change_pp == pytest.approx(-5.0)
    assert change.ci_low_pp == pytest.approx(-5 - 1.96 * 1.8371, abs=1e-3)
    assert change.ci_high_pp == pytest.approx(-5 + 1.96 * 1.8371, abs=1e-3)
    assert change.p_value == pytest.approx(212 / 16384)  # 2 * (1 + 14 + 91) / 2**14


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_agrees_with_scipy(lost, gained):
    expected = binomtest(lost, lost + gained).pvalue if lost + gained else 1.0
    assert mcnemar_p(lost, gained) == pytest.approx(expected)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(case):
    right, n = case
    low, high = wilson(right, n)
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_guessing_model_is_inconclusive_and_a_knowing_one_is_not():
    assert is_inconclusive(60, 240, 0.25)
    assert not is_inconclusive(160, 240, 0.25)


def test_a_change_stays_between_nothing_and_everything():
    lost_all = paired_change(lost=2, gained=0, n=2)
    assert (lost_all.change_pp, lost_all.ci_low_pp) == (-100.0, -100.0)
    assert paired_change(lost=1, gained=0, n=2).ci_low_pp == -100.0


def test_no_discordant_pair_is_no_change_without_width():
    assert paired_change(lost=0, gained=0, n=50) == (0.0, 0.0, 0.0, 1.0)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30))
def test_a_mean_change_agrees_with_scipy(differences):
    mean, low, high = mean_change(differences)
    half = norm.ppf(0.975) * sem(differences)
    assert mean == pytest.approx(sum(differences) / len(differences), abs=1e-9)
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=1e-9)


def test_one_difference_alone_may_be_anything():
    assert mean_change([0.5]) == (0.5, -math.inf, math.inf)


def test_longest_option_shares_ties():
    choices = [["aa", "b", "cc", "d"], ["a", "bbb", "c", "d"]]
    assert longest_option_accuracy(choices, [0, 2]) == pytest.approx(0.25)
