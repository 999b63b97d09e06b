"""What an exported file says, and what it leaves out."""

import json
from dataclasses import replace

import pytest
import torch

from backend.errors import BadInput
from backend.sharing.export import export, to_text
from tests.backend.sharing.conftest import BOARD


def test_no_question_text_leaves_with_the_file(ran):
    assert not any(q.question in ran.text for s in ran.engine.sets for q in s.questions)


def test_figures_and_answers_are_those_of_the_evaluation(ran):
    raw = json.loads(ran.text)
    for entry, mine in zip(raw["sets"], ran.evaluation.sets, strict=True):
        assert {name: entry[name] for name in mine.figures()} == mine.figures()
    scores = torch.tensor([q["scores"] for s in raw["sets"] for q in s["questions"]])
    assert torch.equal(scores, ran.evaluation.scores)


def test_scores_that_are_no_numbers_are_not_exported_but_said(toy):
    evaluation = toy.evaluate(BOARD.setting())
    scores = evaluation.scores.clone()
    scores[0, 0] = float("nan")
    with pytest.raises(BadInput, match="Clamp less far"):
        to_text(export(toy, replace(evaluation, scores=scores), BOARD))
