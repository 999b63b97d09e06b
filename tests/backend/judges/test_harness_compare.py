"""The harness's answers beside the board's: the same questions, and how far they agree."""

from dataclasses import replace

import pytest
import torch

from backend.data.questions import PREFIX
from backend.interventions.method import setting_of
from backend.judges.harness import Sample
from backend.judges.harness_compare import compared, matched, questions_of

CLAMPS = setting_of([(0, -40.0), (3, 5.0)])


def sample_of(engine, place, scores, metric="acc"):
    """As the harness would have asked the question, and answered it by these scores."""
    question, packed = engine.sets.questions[place], engine.packed[place]
    prefix = [i for i, b in zip(packed.ids, packed.branch, strict=True) if b == PREFIX]
    right = float(int(scores.argmax()) == question.answer)
    return Sample(
        (engine.tokenizer.decode(prefix),) * 4,
        tuple(f" {choice}" for choice in question.choices),
        tuple(scores.tolist()),
        {metric: right},
    )


@pytest.fixture
def ran(toy):
    return toy.evaluate(CLAMPS)


def test_the_same_questions_agree(toy, ran):
    span = toy.sets.span("history")
    places = list(range(*span.indices(toy.n_questions)))
    samples = {"their_task": [sample_of(toy, place, ran.scores[place]) for place in places]}
    found = matched(samples, toy.sets, toy.packed, toy.tokenizer)
    assert questions_of(found, toy.n_questions).nonzero().squeeze(-1).tolist() == places
    (one,) = compared(found, ran, toy.sets, toy.setup.scoring)
    history = next(s for s in ran.sets if s.name == "history")
    assert (one.task, one.set_name, one.n) == ("their_task", "history", 3)
    assert one.board == one.harness == pytest.approx(history.accuracy)
    assert (one.differing, one.furthest) == (0, 0.0)
    assert "the same questions as history" in one.in_words()


def test_another_answer_is_counted(toy, ran):
    scores = [row.clone() for row in ran.scores[:4]]
    scores[1][int(scores[1].argmin())] = float(scores[1].max()) + 0.5
    samples = {"biology": [sample_of(toy, place, row) for place, row in enumerate(scores)]}
    found = matched(samples, toy.sets, toy.packed, toy.tokenizer)
    (one,) = compared(found, ran, toy.sets, toy.setup.scoring)
    assert one.differing == 1
    moved = scores[1] - ran.scores[1]
    assert one.furthest == pytest.approx(float(moved.max()))
    assert "1 prediction differs" in one.in_words()


def test_other_words_and_texts_that_are_written_are_not_compared(toy, ran):
    asked = sample_of(toy, 0, ran.scores[0])
    others = [
        asked._replace(contexts=("Other words\nAnswer:",) * 4),
        asked._replace(continuations=tuple(text[1:] for text in asked.continuations)),
        asked._replace(continuations=asked.continuations[::-1]),
        asked._replace(continuations=asked.continuations[:3], log_likelihoods=(0.0,) * 3),
        asked._replace(continuations=("{'until': []}",), log_likelihoods=()),
    ]
    for other in others:
        assert matched({"biology": [other]}, toy.sets, toy.packed, toy.tokenizer) == []


def test_scores_per_character_are_compared_per_character(toy, ran):
    lengths = torch.tensor([[len(c) for c in q.choices] for q in toy.sets.questions])
    per_character = replace(ran, scores=ran.scores / lengths)
    samples = {"biology": [sample_of(toy, 0, ran.scores[0], "acc_norm")]}
    found = matched(samples, toy.sets, toy.packed, toy.tokenizer)
    (one,) = compared(found, per_character, toy.sets, "cloze_per_char")
    assert one.furthest == pytest.approx(0, abs=1e-6)
    assert compared(found, per_character, toy.sets, "cloze") == []
