"""Where tau stands: the two rules by hand, and what conformal promises."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BadInput
from backend.evaluation.calibration import calibrated


@pytest.mark.parametrize(
    ("n", "rate", "rule", "tau"),
    [
        (101, 0.05, "quantile", 95),  # values 0 to 100: the 0.95 quantile is a value
        (100, 0.05, "quantile", 95),  # of 0 to 99 it lies between 94 and 95: the larger
        (20, 0.05, "quantile", 19),
        (1, 0.5, "quantile", 0),
        (99, 0.05, "conformal", 94),  # the 95th smallest of 99
        (19, 0.05, "conformal", 18),  # the largest
        (100, 0.05, "conformal", 95),  # ceil(101 * 0.95) = 96th smallest
    ],
)
def test_tau_by_hand(n, rate, rule, tau):
    values = list(range(n))
    random.Random(0).shuffle(values)
    found = calibrated(values, rate, rule)
    assert (found.tau, found.n) == (tau, n)
    assert found.above == sum(value > tau for value in values)


@pytest.mark.parametrize("n", [0, 1, 18])
def test_too_few_for_a_conformal_tau_are_said_with_how_many_it_takes(n):
    said = "it takes 19" if n else "There are no retain questions"
    with pytest.raises(BadInput, match=said):
        calibrated([0.0] * n, 0.05, "conformal")


@pytest.mark.parametrize("rate", [0.0, -1.0, 0.6, 1e-5, float("nan")])
def test_a_rate_out_of_range_is_said(rate):
    with pytest.raises(BadInput, match="cannot be aimed at"):
        calibrated([0.0] * 100, rate, "quantile")


@given(st.lists(st.integers(0, 5), min_size=30, max_size=60), st.sampled_from([0.05, 0.1, 0.3]))
def test_no_more_than_the_rate_is_above_tau(values, rate):
    for rule in ("quantile", "conformal"):
        assert calibrated(values, rate, rule).above <= rate * len(values)


def test_a_new_value_is_above_a_conformal_tau_no_more_often_than_promised():
    draw = random.Random(3)
    above = 0
    for _ in range(4000):
        *values, new = (draw.expovariate(1.0) for _ in range(40))
        above += new > calibrated(values, 0.1, "conformal").tau
    assert above / 4000 == pytest.approx(4 / 41, abs=0.015)  # 1 - ceil(41 * 0.9) / 41


def test_each_rule_says_what_it_stands_on():
    values = [i / 100 for i in range(100)]
    said = calibrated(values, 0.05, "quantile", "corpus").in_words()
    assert said == (
        "Tau 0.95 is the 0.95 quantile of 100 sequences (rows of retain text); 4 are above it."
    )
    said = calibrated(values, 0.05, "conformal", "questions").in_words()
    assert "conformal on 100 largest statistics (retain questions of the selection half)" in said
    assert "probability at most 0.05" in said
