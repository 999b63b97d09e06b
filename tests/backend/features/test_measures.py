"""Words and counts of features, by hand."""

import math

import pytest
import torch

from backend.features.measures import HISTOGRAM_BARS, histogram, selectivity, word_at


def test_words_are_whole():
    text = "The mitochondrion, small."
    assert word_at(text, (4, 8)) == "mitochondrion"
    assert word_at(text, (17, 18)) == ""


def test_selectivity_is_the_log_of_the_densities_ratio_and_finite_at_zero():
    """7.5 of 100 against 0.5 of 50; nothing against nothing, on as many tokens."""
    counts = torch.tensor([7, 0]), torch.tensor([0, 0])
    uneven = float(selectivity(*counts, 99, 49)[0])
    assert uneven == pytest.approx(math.log2((7.5 / 100) / (0.5 / 50)))
    assert float(selectivity(*counts, 99, 99)[1]) == 0.0


def test_a_histogram_counts_every_value_in_equal_bars_up_to_the_largest():
    values = torch.tensor([0.1, 0.2, 11.9, 12.1, 24.0])
    bars = histogram(values)
    assert len(bars) == HISTOGRAM_BARS == 24
    assert bars["from"].tolist() == pytest.approx(range(24))
    assert bars["to"].tolist() == pytest.approx(range(1, 25))
    assert {i: n for i, n in enumerate(bars["tokens"]) if n} == {0: 2, 11: 1, 12: 1, 23: 1}


def test_a_histogram_of_nothing_has_no_bars():
    assert histogram(torch.tensor([])).empty
