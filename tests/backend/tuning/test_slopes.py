"""Scores as functions of the values: the engine's own, and their slopes against differences."""

from dataclasses import replace

import pytest
import torch

from backend.interventions.method import PAPER, Gate, Method, setting_of
from backend.tuning.slopes import Slopes

FEATURES = (2, 5, 9)
METHODS = {
    "the paper's": PAPER,
    "all, length kept": Method(reach="all", keep_norm=True),
    "threshold, gate": Method(threshold=0.1, gate=Gate("rho", 0.35)),
}


def slopes_of(engine, setting):
    opened = engine.opening(setting)
    return Slopes(engine.runner, engine.recording, setting, engine.setup.scoring, opened)


def run(slopes, values, places):
    """Scores of all questions, and the gradient of a fixed sum of them."""
    scores = torch.zeros(len(slopes.affected), 4)
    weigh = torch.linspace(-1, 1, 4 * len(scores)).view_as(scores)

    def take(rows, found):
        scores[rows] = found.detach()
        (found * weigh[rows]).sum().backward()

    values = values.clone().requires_grad_(True)
    list(slopes.through(values, places, take))
    return scores, float((scores * weigh).sum()), values.grad


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_scores_are_the_engines_and_slopes_are_their_differences(knowing, method):
    values = torch.tensor([-3.0, 1.5, -6.0])
    setting = setting_of(zip(FEATURES, values.tolist(), strict=True), method)
    slopes = slopes_of(knowing, setting)
    theirs = knowing.evaluate(setting, listed=False)
    assert slopes.affected.equal(theirs.affected)
    assert 0 < int(slopes.affected.sum()) <= knowing.n_questions
    places = slopes.affected.nonzero().squeeze(-1)
    scores, _, slope = run(slopes, values, places)
    torch.testing.assert_close(scores[places], theirs.scores[places], atol=1e-4, rtol=1e-5)
    for f in range(len(FEATURES)):
        step = torch.zeros(3)
        step[f] = 0.05
        up, down = (run(slopes, values + sign * step, places)[1] for sign in (1, -1))
        assert float(slope[f]) == pytest.approx((up - down) / 0.1, rel=0.02, abs=0.02)


def test_batches_of_any_size_give_the_same_slope(knowing):
    values = torch.tensor([-3.0, 1.5, -6.0])
    setting = setting_of(zip(FEATURES, values.tolist(), strict=True))
    whole = slopes_of(knowing, setting)
    places = whole.affected.nonzero().squeeze(-1)
    small = Slopes(
        replace(knowing.runner, budget=64), knowing.recording, setting, knowing.setup.scoring
    )
    torch.testing.assert_close(
        run(small, values, places)[2], run(whole, values, places)[2], atol=1e-4, rtol=1e-4
    )
