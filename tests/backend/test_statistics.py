import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from backend.statistics import (
    is_inconclusive,
    longest_option_accuracy,
    mcnemar_p,
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


def test_longest_option_shares_ties():
    assert longest_option_accuracy(
        [["aa", "b", "cc", "d"], ["a", "bbb", "c", "d"]], [0, 2]
    ) == pytest.approx(0.25)
