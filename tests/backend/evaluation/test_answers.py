"""The questions behind the figures, against the recorded scores and activations."""

import pandas as pd
import pytest
import torch

from backend.data.questions import Question, QuestionSet, QuestionSets
from backend.evaluation.answers import (
    by_fall,
    fired_tokens,
    margin_changes,
    margins,
    question_table,
)
from backend.evaluation.evaluate import Evaluation
from backend.interventions.method import setting_of
from tests.support.toy import D_SAE

STRONG = setting_of([(0, -120.0), (1, -300.0), (13, -30.0)])


@pytest.fixture
def run(toy):
    return toy.evaluate(STRONG)


@pytest.fixture
def table(toy, run):
    return question_table(toy.sets, toy.recording, toy.model.tokenizer, run)


def test_every_question_has_a_row_in_its_own_words(toy, table):
    asked = [(s, question) for s in toy.sets for question in s.questions]
    assert table["question"].tolist() == [question.question for _, question in asked]
    assert table["set"].tolist() == [s.title for s, _ in asked]
    assert table["row"].tolist() == [question.index for _, question in asked]
    assert table["right"].tolist() == [q.choices[q.answer] for _, q in asked]


def test_answers_are_the_likeliest_options_and_lost_and_gained_are_the_boards(toy, run, table):
    asked = [question for s in toy.sets for question in s.questions]
    for column, scores in (("before", toy.recording.baseline), ("after", run.scores)):
        chosen = scores.argmax(-1).tolist()
        assert table[column].tolist() == [q.choices[c] for q, c in zip(asked, chosen, strict=True)]
    for s in run.sets:
        changes = table["change"][table["set"] == s.title].tolist()
        assert (changes.count("lost"), changes.count("gained")) == (s.lost, s.gained)
    assert set(table["change"]) > {"unchanged"}, "no answer changed"


def test_the_right_answers_share_is_of_the_four_likelihoods(toy, run, table):
    answers = [question.answer for s in toy.sets for question in s.questions]
    for column, scores in (("p_before", toy.recording.baseline), ("p_after", run.scores)):
        likelihoods = scores.double().exp()
        for q, answer in enumerate(answers):
            share = float(likelihoods[q, answer] / likelihoods[q].sum())
            assert table[column][q] == pytest.approx(share, abs=1e-5)


def test_rows_come_by_how_far_the_right_answers_share_fell():
    rows = pd.DataFrame(
        [
            ("unchanged", 0.5, 0.9),
            ("gained", 0.2, 0.6),
            ("lost", 0.6, 0.2),
            ("unchanged", 0.9, 0.1),
            ("lost", 0.9, 0.1),
            ("gained", 0.1, 0.9),
            ("lost", 0.5, 0.4),
        ],
        columns=["change", "p_before", "p_after"],
        index=[10, 11, 12, 13, 14, 15, 16],
    )
    assert by_fall(rows).index.tolist() == [14, 12, 16, 15, 11, 13, 10]
    assert by_fall(rows.iloc[:0]).empty


def test_the_clamped_features_that_fire_are_listed_with_their_tokens(toy, run, table):
    fired = fired_tokens(toy.recording, toy.model.tokenizer, [0, 1, 13])
    for q, features in enumerate(table["features"]):
        assert features == list(fired.get(q, {}))
        words = [f"{feature}: {', '.join(fired[q][feature])}" for feature in features]
        assert table["fired"][q] == "; ".join(words)
    assert {len(features) for features in table["features"]} > {3}, "all fire everywhere"


def test_fired_tokens_are_every_token_at_which_a_feature_fires_each_once(toy):
    rows = toy.recording.rows
    found = fired_tokens(toy.recording, toy.model.tokenizer, range(D_SAE))
    for q in range(toy.n_questions):
        begin, end = int(rows.start[q]), int(rows.start[q + 1])
        for feature in range(D_SAE):
            token = toy.recording.acts.of(feature)[0]
            mine = token[(token >= begin) & (token < end)].tolist()
            texts = [toy.model.tokenizer.decode([int(rows.ids[t])]).strip() for t in mine]
            assert found.get(q, {}).get(feature, []) == list(dict.fromkeys(texts))


N = 40
FORGET = QuestionSet(
    "bio",
    "Bio",
    "forget",
    tuple(Question(i, "", "q", ("a", "b", "c", "d"), i % 4) for i in range(N)),
)
ANSWERS = torch.tensor([question.answer for question in FORGET.questions])
RANDOM = torch.randn(N, 4, generator=torch.Generator().manual_seed(0))


def test_margins_are_above_zero_exactly_where_the_answer_is_right():
    assert torch.equal(margins(RANDOM, ANSWERS) > 0, RANDOM.argmax(-1) == ANSWERS)


def test_the_change_of_a_margin_is_paired():
    """Half a nat off each right answer: the same change everywhere, whatever the margins are."""
    after = RANDOM - torch.nn.functional.one_hot(ANSWERS, 4) * 0.5
    every = torch.ones(N, dtype=torch.bool)
    run = Evaluation((), (), after, RANDOM, affected=every, done=every, seconds=0.0)
    change = margin_changes(QuestionSets((FORGET,)), run)["bio"]
    assert change.mean == pytest.approx(-0.5)
    assert change.high - change.low == pytest.approx(0, abs=1e-6)
