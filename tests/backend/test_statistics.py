"""Every figure against scipy, or worked by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, sem

from backend.statistics import (
    Z95,
    Counted,
    difference,
    is_inconclusive,
    longest_option_accuracy,
    mcnemar_p,
    mean_change,
    paired_change,
    partial_change,
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


NONE = Counted(0, 0, 0)
COUNTED = st.integers(0, 90).flatmap(
    lambda n: st.tuples(st.integers(0, n), st.integers(0, n)).map(
        lambda few: Counted(n, min(few), max(few) - min(few))
    )
)


@given(COUNTED, COUNTED, st.integers(1, 100))
def test_with_all_of_the_rest_done_a_partial_change_is_the_paired_one(known, ran, untouched):
    n = known.n + ran.n + untouched
    whole = paired_change(known.lost + ran.lost, known.gained + ran.gained, n)
    assert partial_change(known, ran, ran.n, n) == (whole, 0.0)
    assert partial_change(NONE, ran, ran.n, n) == (paired_change(ran.lost, ran.gained, n), 0.0)
    assert partial_change(known, NONE, 0, n) == (paired_change(known.lost, known.gained, n), 0.0)


def test_a_partial_change_worked_by_hand():
    """Of 100 questions 10 are known (2 lost, 1 gained), and 20 of the other 60 have run (3 and 1).

    These count threefold: 11 lost, 4 gained, -7 pp. The variance of the change over questions is
    (15 - 49 / 100) / 100² = 0.001451; s² = 5 / 22 - (2 / 22)² = 0.219008, so that of the sample is
    60² * (1 - 20 / 60) * s² / 20 / 100² = 0.002628.
    """
    change, sure = partial_change(Counted(10, 2, 1), Counted(20, 3, 1), 60, 100)
    assert change.change_pp == pytest.approx(-7.0)
    assert sure == pytest.approx(100 * 1.96 * math.sqrt(0.002628), abs=1e-2)
    half = 100 * 1.96 * math.sqrt(0.001451 + 0.002628)
    assert change.ci_low_pp == pytest.approx(-7 - half, abs=1e-2)
    assert change.ci_high_pp == pytest.approx(-7 + half, abs=1e-2)
    assert change.p_value == pytest.approx(2 * (1 + 7 + 21) / 2**7), "of 5 lost and 2 gained"


@pytest.mark.parametrize("known", [NONE, Counted(150, 20, 5)], ids=["nothing known", "some known"])
@pytest.mark.parametrize("m", [20, 80, 200])
@pytest.mark.parametrize(("lost", "gained"), [(60, 15), (20, 20), (100, 50)])
def test_a_partial_change_is_unbiased_and_sure_of_the_final_one_19_times_in_20(
    known, m, lost, gained
):
    """Over every draw of m of the 300 questions that run, of which so many change at last."""
    rest, n = 300, 600
    same = rest - lost - gained
    final = paired_change(known.lost + lost, known.gained + gained, n).change_pp
    mean = inside = 0.0
    for i in range(lost + 1):
        for j in range(gained + 1):
            ways = math.comb(same, m - i - j) if i + j <= m else 0
            share = math.comb(lost, i) * math.comb(gained, j) * ways / math.comb(rest, m)
            if not share:
                continue
            change, sure = partial_change(known, Counted(m, i, j), rest, n)
            assert change.ci_low_pp <= change.change_pp - sure or change.ci_low_pp == -100
            assert change.ci_high_pp >= change.change_pp + sure or change.ci_high_pp == 100
            mean += share * change.change_pp
            inside += share * (abs(change.change_pp - final) <= sure)
    assert mean == pytest.approx(final, abs=1e-9)
    assert 0.935 < inside < 0.98


def test_a_sample_in_which_nothing_changed_is_not_sure_of_it():
    """One of 12 and one that is none of them: s² = 1 / 12, of 20 left: 20² / 2 / 12 / 10 / 100²."""
    change, sure = partial_change(NONE, Counted(10, 0, 0), 20, 100)
    assert change.change_pp == 0
    assert sure == pytest.approx(100 * 1.96 * math.sqrt(400 * 0.5 / 12 / 10 / 100**2), abs=1e-3)
    assert change.ci_low_pp == pytest.approx(-sure)


def test_without_a_sample_anything_may_come():
    change, sure = partial_change(Counted(10, 3, 1), NONE, 5, 100)
    assert sure == math.inf
    assert change[:3] == (-2.0, -100.0, 100.0), "what is known counts, and the rest may be all"


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


def test_the_difference_of_two_changes_has_the_width_of_both():
    a, b = paired_change(30, 5, 100), paired_change(10, 2, 80)
    found, (low, high) = difference(a, b)
    assert found == pytest.approx(-25 + 10)
    variance = ((35 - 625 / 100) / 100**2) + ((12 - 64 / 80) / 80**2)
    assert high - found == pytest.approx(100 * Z95 * math.sqrt(variance))
    assert found - low == pytest.approx(high - found)
