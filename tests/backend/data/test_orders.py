"""All 24 orders in one row, against 24 separate runs."""

from dataclasses import replace

import pytest
import torch

from backend.data.orders import N_ORDERS, ORDERS, pack_orders, picks, right
from backend.data.prompts import pack
from backend.data.question_sets import read_set
from backend.data.questions import PREFIX, Question
from backend.engine.engine import Engine
from backend.engine.known import count_right, in_words
from backend.errors import BadInput
from backend.evaluation.recordings import record
from backend.evaluation.reference import Reference
from backend.experiments.permutation import PermutationCheck, permutation_check
from backend.interventions.method import NOTHING, Gate, Method, setting_of
from backend.model.loading import load_hf
from backend.model.rows import Rows
from backend.model.runner import Runner
from backend.model.sae import load_sae
from backend.model.split import split
from backend.model.weights import model_source
from backend.progress import silent
from backend.setups import Protocol, load_setup
from tests.support.toy import D_SAE, write_setup


@pytest.fixture(scope="module", params=["paper", "lm-eval"])
def letters(request, tmp_path_factory, own_cache):
    folder = tmp_path_factory.mktemp("letters")
    return Engine(load_setup(write_setup(folder, scoring="letter", prompt=request.param)))


def run(engine, rows):
    return record(engine.runner, rows, stage="", scoring="letter")


def reordered(question, order):
    return replace(question, choices=tuple(question.choices[option] for option in order))


def separately(engine, question, clamps):
    """Each order as a question of its own, by the slow full forward path."""
    asked = [reordered(question, order) for order in ORDERS]
    packed = [pack(engine.model.tokenizer, q, engine.setup.protocol) for q in asked]
    reference = Reference(*engine.load_plain(), engine.sae, engine.setup.untouched)
    return reference.scores(packed, clamps, "letter")


def test_orders_are_all_24_and_begin_with_the_questions_own():
    assert len(set(ORDERS)) == N_ORDERS == 24
    assert ORDERS[0] == (0, 1, 2, 3)


def test_one_row_holds_every_orders_prompt_and_shares_what_they_share(letters):
    question = letters.sets[0].questions[0]
    row = pack_orders(letters.model.tokenizer, question, letters.setup.protocol, ())
    n_shared = sum(b == PREFIX for b in row.branch)
    assert n_shared > 10
    for o, order in enumerate(ORDERS):
        asked = pack(letters.model.tokenizer, reordered(question, order), letters.setup.protocol)
        shown = [t for t, b in zip(row.ids, row.branch, strict=True) if b in (PREFIX, o)]
        assert shown == asked.ids
        mine = [i for i, c in enumerate(row.score_choice) if c // 4 == o]
        assert [row.score_token[i] for i in mine] == asked.score_token
        assert {row.branch[row.score_pos[i]] for i in mine} == {o}


def test_picks_are_the_options_as_the_question_numbers_them():
    letter_a = torch.zeros(1, N_ORDERS, 4)
    letter_a[..., 0] = 1
    assert picks(letter_a.flatten(1)).tolist() == [[order[0] for order in ORDERS]]


def test_always_one_letter_is_right_in_six_orders():
    letter_a = torch.zeros(1, N_ORDERS, 4)
    letter_a[..., 0] = 1
    assert right(letter_a.flatten(1), [Question(0, "", "q", ("a", "b", "c", "d"), 2)]).sum() == 6


FIRING = [(f, -20.0) for f in range(0, D_SAE, 3)]
GATED = setting_of(FIRING[:2], Method(gate=Gate("rho", 0.5), reach="all"))


@pytest.mark.parametrize("clamps", [NOTHING, setting_of(FIRING), GATED])
def test_same_scores_as_24_separate_full_forward_passes(letters, clamps):
    questions = letters.sets[0].questions
    for place, question in enumerate(questions[:2]):
        slow = separately(letters, question, clamps)
        row = pack_orders(letters.model.tokenizer, question, letters.setup.protocol, ())
        if not clamps:
            fast = run(letters, Rows.of([row])).baseline.view(N_ORDERS, 4)
            torch.testing.assert_close(fast, slow, atol=1e-4, rtol=1e-4)
        check = permutation_check(letters, place, clamps)
        option = torch.tensor(ORDERS).gather(1, slow.argmax(-1, keepdim=True)).squeeze(-1)
        assert list(check.after) == option.tolist()
        assert check.right_after == int((option == question.answer).sum())
        if not clamps:
            assert check.before == check.after


def test_what_was_counted_before_a_stop_is_not_counted_again(letters, tmp_path, monkeypatch):
    monkeypatch.setattr("backend.engine.known.CHUNK", 2)
    asked, again, reports = [], [], []

    def stopped(rows):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(rows.n_rows)
        return run(letters, rows)

    def resumed(rows):
        again.append(rows.n_rows)
        return run(letters, rows)

    arguments = letters.model.tokenizer, letters.sets, letters.setup.protocol
    with pytest.raises(KeyboardInterrupt):
        count_right(*arguments, stopped, {}, tmp_path, silent)
    counts = count_right(*arguments, resumed, {}, tmp_path, reports.append)
    assert sum(asked) == 4
    assert sum(again) == letters.n_questions - 4
    assert (reports[-1].done, reports[-1].total) == (letters.n_questions, letters.n_questions)
    fresh = count_right(*arguments, lambda rows: run(letters, rows), {"new": 1}, tmp_path, silent)
    assert counts == fresh
    assert [len(c) for c in counts] == [len(s.questions) for s in letters.sets]


def test_a_setup_with_the_computed_filter_keeps_what_is_right_often_enough(tmp_path):
    path = write_setup(tmp_path, scoring="letter")
    whole = Engine(load_setup(path))
    arguments = whole.model.tokenizer, whole.sets, whole.setup.protocol
    counts = count_right(*arguments, lambda rows: run(whole, rows), {}, tmp_path, silent)
    level = min(max(mine) for mine in counts)
    path.write_text(path.read_text() + f'[known]\nby = "computed"\nat_least = {level}\n')
    engine = Engine(load_setup(path))
    kept = [[q.index for q in s.questions] for s in engine.sets]
    assert kept == [[i for i, n in enumerate(mine) if n >= level] for mine in counts]
    assert engine.sets.sets[0].title == f"Biology, {len(kept[0])} of 4 known"
    assert f"at least {level} of the 24" in in_words(engine.setup.known)
    path.write_text(path.read_text().replace(f"at_least = {level}", "at_least = 24"))
    if max(max(mine) for mine in counts) < 24:
        with pytest.raises(BadInput, match="not one of its 4 questions is known"):
            Engine(load_setup(path))


def test_a_letter_that_is_picked_whatever_stands_there_is_said():
    question = Question(0, "", "q", ("a", "b", "c", "d"), 0)
    check = PermutationCheck(question, (0,) * 24, tuple(order[1] for order in ORDERS))
    assert (check.right_before, check.right_after) == (24, 6)
    assert check.letters_after() == {"A": 0, "B": 24, "C": 0, "D": 0}
    assert check.in_words().endswith("With clamps 24 of 24 answers are 'B', whatever stands there.")


def test_cloze_prompts_have_no_orders(toy):
    with pytest.raises(BadInput, match="letter scoring only"):
        permutation_check(toy, 0, NOTHING)


@pytest.mark.demo
def test_two_questions_of_the_demos_model_in_48_separate_rows():
    setup = load_setup("demo")
    sae = load_sae(setup.sae, "cpu")
    model = split(*load_hf(model_source(setup), dtype="float32", device="cpu"), sae.hook_name)
    questions, protocol = read_set(setup.sets[0]).questions[:2], Protocol("letter", "paper-chat")

    runner = Runner(model, sae, ("first",), budget=1024)

    def scores(packed):
        return record(runner, Rows.of(packed), stage="", scoring="letter").baseline

    shared = scores([pack_orders(model.tokenizer, q, protocol, ()) for q in questions])
    asked = [reordered(q, order) for q in questions for order in ORDERS]
    alone = scores([pack(model.tokenizer, q, protocol) for q in asked])
    torch.testing.assert_close(shared.view(-1, 4), alone, atol=1e-3, rtol=0)
    option = torch.tensor(ORDERS).repeat(2, 1).gather(1, alone.argmax(-1, keepdim=True))
    assert torch.equal(picks(shared), option.view(2, N_ORDERS))
