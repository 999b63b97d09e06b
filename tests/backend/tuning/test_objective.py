"""The loss by hand, and tau by trying every one."""

import math

import pytest
import torch

from backend.tuning.objective import Asked, best_tau, loss, margins, slope

BASE = torch.tensor([[0.0, 1.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
RIGHT = torch.tensor([1, 0, 2])
ASKED = Asked(BASE, RIGHT, torch.tensor([True, False, False]), torch.tensor([False, True, True]))


def test_a_margin_is_the_log_odds_of_the_right_option():
    p = BASE.softmax(-1)[torch.arange(3), RIGHT]
    torch.testing.assert_close(margins(BASE, RIGHT), (p / (1 - p)).log())


def test_the_slope_is_of_the_rights_odds_and_of_how_far_the_others_moved():
    scores = BASE.clone()
    scores[1] = torch.tensor([0.0, 0.0, 0.0, 0.0])
    p = math.e / (math.e + 3)
    q = [math.exp(2) / (math.exp(2) + 3)] + [1 / (math.exp(2) + 3)] * 3
    moved = sum(share * math.log(share / 0.25) for share in q)
    expected = -math.log(1 - p) + 0.5 * moved / 2
    assert float(slope(scores, ASKED, 0.5)) == pytest.approx(expected, abs=1e-6)
    # The unknown and what did not move cost nothing; batches add up.
    halves = [torch.tensor([0, 2]), torch.tensor([1])]
    total = sum(float(slope(scores[h], ASKED.at(h), 0.5, ASKED.counts)) for h in halves)
    assert total == pytest.approx(expected, abs=1e-6)


def test_the_loss_counts_a_question_as_one_however_sure_its_answer():
    scores = BASE.clone()
    scores[1] = torch.tensor([-1e4, 0.0, -1e4, -1e4])
    q = math.exp(2) / (math.exp(2) + 3)
    other = 1 / (math.exp(2) + 3)
    moved = (q + (1 - other) + 2 * other) / 2
    expected = math.e / (math.e + 3) + 0.5 * moved / 2
    assert loss(scores, ASKED, 0.5) == pytest.approx(expected, abs=1e-6)
    assert loss(BASE, ASKED, 0.5) == pytest.approx(math.e / (math.e + 3), abs=1e-6)


def test_without_questions_of_a_kind_a_term_is_nothing():
    none = torch.zeros(3, dtype=torch.bool)
    nobody = Asked(BASE, RIGHT, none, none)
    assert float(slope(BASE, nobody, 1.0)) == loss(BASE, nobody, 1.0) == 0.0


def test_tau_is_the_one_with_the_least_loss_of_mixed_scores():
    generator = torch.Generator().manual_seed(0)
    edited = BASE + torch.randn(3, 4, generator=generator) * 3
    statistic = torch.rand(3, 4, generator=generator)
    taus = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    tried = {}
    for tau in taus:
        mixed = BASE.clone()
        for q in range(3):
            for option in range(4):
                if statistic[q, option] > tau:
                    mixed[q, option] = edited[q, option]
        tried[tau] = loss(mixed, ASKED, 1.0)
    assert best_tau(taus, statistic, edited, ASKED, 1.0) == min(tried, key=tried.__getitem__)
    assert len({round(found, 6) for found in tried.values()}) > 2
    # Of taus that open the same, the largest.
    assert best_tau([2.0, 3.0, 1.5], statistic, edited, ASKED, 1.0) == 3.0
