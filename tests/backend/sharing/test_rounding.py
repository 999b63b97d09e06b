"""Half precision: another processor's rounding is excused, and nothing else."""

import pytest
import torch

from tests.backend.sharing.conftest import compared
from tests.backend.sharing.test_compare import in_question, moved


def every(raw):
    return [question for s in raw["sets"] for question in s["questions"]]


def shaken(raw, by):
    """Every score moved as another processor's rounding would, in nats."""
    drawn = torch.Generator().manual_seed(0)
    for question in every(raw):
        before = question["baseline_scores"]
        noise = (by * torch.randn(4, generator=drawn)).tolist()
        same = question["scores"] == before
        question["baseline_scores"] = [b + x for b, x in zip(before, noise, strict=True)]
        if not same:
            noise = (by * torch.randn(4, generator=drawn)).tolist()
        question["scores"] = [s + x for s, x in zip(question["scores"], noise, strict=True)]


def test_half_precision_gives_the_same_bits_here(ran_in_half_precision):
    found = compared(ran_in_half_precision, ran_in_half_precision.raw())
    assert (found.verdict, found.furthest) == ("same", 0.0)


def test_half_precision_excuses_another_processor(ran_in_half_precision):
    raw = ran_in_half_precision.raw()
    shaken(raw, 0.03)
    found = compared(ran_in_half_precision, raw)
    assert found.verdict == "same", found.lines()
    assert found.furthest > 0.03


@pytest.mark.parametrize("by", [0.01, 0.2])
def test_half_precision_does_not_excuse_a_score_moved_by_hand(ran_in_half_precision, by):
    raw = ran_in_half_precision.raw()
    in_question("scores", moved(by))(raw)
    in_question("affected", lambda _: True)(raw)
    found = compared(ran_in_half_precision, raw)
    assert found.changed == 0
    assert any("scores of 1 of 7 questions differ" in line for line in found.figures)
    assert found.verdict == "other figures"


def test_half_precision_does_not_excuse_that_most_scores_are_far_off(ran_in_half_precision):
    raw = ran_in_half_precision.raw()
    for question in every(raw):
        for scores in ("scores", "baseline_scores"):
            question[scores] = [score + 0.2 for score in question[scores]]
    found = compared(ran_in_half_precision, raw)
    assert found.contradictions == ()
    assert found.figures == (
        "Scores of most questions differ by 0.2 nats or more: that is no rounding.",
    )


def test_the_other_precision_is_another_ingredient(ran, ran_in_half_precision):
    found = compared(ran, ran_in_half_precision.raw())
    assert found.verdict == "other ingredients"
    assert found.ingredients == (
        "The precision: bfloat16 on cpu in the file, float32 on cpu here.",
    )
    assert found.n == 7
