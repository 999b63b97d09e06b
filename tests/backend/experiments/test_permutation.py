"""One question in all 24 orders, through the engine.

Each order against a full forward pass: tests/backend/data/test_orders.py.
"""

from dataclasses import replace

import pytest

from backend.data.orders import N_ORDERS, ORDERS
from backend.data.prompts import pack
from backend.data.questions import Question
from backend.engine.engine import Engine
from backend.errors import BadClamps
from backend.experiments.permutation import PermutationCheck, permutation_check
from backend.interventions.method import NOTHING, Setting, setting_of
from backend.interventions.rival import KINDS
from backend.setups import load_setup
from tests.support.rivals import Slow, rival_of
from tests.support.toy import D_SAE, write_setup

CLAMPS = setting_of([(0, -120.0), (1, -300.0)])
QUESTION = Question(0, "", "q", ("a", "b", "c", "d"), 2)


@pytest.fixture(scope="module")
def letters(tmp_path_factory, own_cache):
    return Engine(load_setup(write_setup(tmp_path_factory.mktemp("letters"), scoring="letter")))


def test_in_the_questions_own_order_the_picks_are_the_boards(letters):
    checks = [permutation_check(letters, place, CLAMPS) for place in range(letters.n_questions)]
    before, after = letters.evaluate(NOTHING), letters.evaluate(CLAMPS)
    assert [check.before[0] for check in checks] == before.predictions().tolist()
    assert [check.after[0] for check in checks] == after.predictions().tolist()
    assert before.predictions().tolist() != after.predictions().tolist(), "nothing was clamped"


def test_the_question_is_the_one_at_that_place(letters):
    asked = [question for s in letters.sets for question in s.questions]
    for place, question in enumerate(asked):
        assert permutation_check(letters, place, NOTHING).question == question


def test_without_clamps_nothing_changes(letters):
    check = permutation_check(letters, 0, NOTHING)
    assert len(check.before) == N_ORDERS
    assert check.before == check.after
    assert check.right_before == check.right_after


def test_a_feature_there_is_none_of_is_said(letters):
    with pytest.raises(BadClamps, match=f"no feature {D_SAE}"):
        permutation_check(letters, 0, setting_of([(D_SAE, -1.0)]))


def test_a_model_that_knows_is_right_in_all_orders_and_uses_every_letter_alike():
    check = PermutationCheck(QUESTION, (2,) * N_ORDERS, (2,) * N_ORDERS)
    assert (check.right_before, check.right_after) == (24, 24)
    assert check.letters_after() == {"A": 6, "B": 6, "C": 6, "D": 6}
    assert check.in_words() == (
        "Right in 24 of 24 orders of the options without clamps, in 24 with them (guessing: 6)."
    )


@pytest.mark.parametrize(("n", "said"), [(17, False), (18, True)])
def test_a_letter_is_named_from_three_quarters_of_the_orders_on(n, said):
    """Letter C in the first n orders; after them none of C."""
    picks = [order[2 if i < n else i % 2] for i, order in enumerate(ORDERS)]
    check = PermutationCheck(QUESTION, (2,) * N_ORDERS, tuple(picks))
    assert check.letters_after()["C"] == n
    assert (f"{n} of 24 answers are 'C'" in check.in_words()) == said


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_rival_each_order_is_picked_as_by_a_whole_pass(letters, kind):
    rival, place = rival_of(letters, kind), 1
    check = permutation_check(letters, place, Setting(rival=rival))
    _, question = letters.sets.at(place)
    asked = [
        replace(question, choices=tuple(question.choices[o] for o in order)) for order in ORDERS
    ]
    packed = [pack(letters.tokenizer, q, letters.setup.protocol) for q in asked]
    scores = Slow(letters, rival).scores(packed, "letter")
    slow = [order[pick] for order, pick in zip(ORDERS, scores.argmax(-1).tolist(), strict=True)]
    assert check.after == tuple(slow)
    assert check.before == permutation_check(letters, place, NOTHING).before
    assert check.before != check.after, "the rival did nothing"
    assert check.after[0] == int(letters.evaluate(Setting(rival=rival)).predictions()[place])
