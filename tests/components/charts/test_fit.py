"""Axes that fit the cloud."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.charts.fit import ARROWS, LEAST, around, limits

ACCURACY = st.floats(0, 100)


def test_one_far_dot_does_not_squash_the_rest():
    cloud = [70 + i / 10 for i in range(30)]
    found = limits([*cloud, 5.0], [75.0])
    assert found.low > 60
    assert found.clip(5.0) == found.low
    assert ARROWS[found.outside(5.0), 0] == "←"
    assert not any(found.outside(value) for value in [*cloud, 75.0])


def test_dots_that_lie_far_together_are_part_of_the_cloud():
    found = limits([70.0] * 20 + [20.0] * 5)
    assert found.low < 20


def test_what_must_be_seen_is_seen_however_far():
    assert limits([70.0] * 40, [10.0]).low < 10


@given(st.lists(ACCURACY, min_size=1), st.lists(ACCURACY, max_size=3))
def test_limits_hold_most_of_the_cloud_and_all_that_must_be_seen(values, always):
    found = limits(values, always)
    assert found.high - found.low >= LEAST
    assert not any(found.outside(value) for value in always)
    inside = sum(not found.outside(value) for value in values)
    assert inside >= 0.8 * len(values) - 2
    shuffled = random.Random(0).sample(values, len(values))
    assert limits(shuffled, always) == pytest.approx(found)


@given(st.lists(ACCURACY, min_size=1))
def test_around_holds_all(values):
    found = around(values)
    assert not any(found.outside(value) for value in values)
