"""Questions in tokens: those the model cannot read whole are left out, and named."""

from dataclasses import replace

import pytest

from backend.data.packing import pack_sets
from backend.data.prompts import pack
from backend.data.questions import Question, QuestionSet
from backend.errors import BadInput
from backend.setups import Protocol
from tests.support.toy import build_tokenizer

CLOZE = Protocol("cloze", "plain")
TOKENIZER = build_tokenizer()
SHORT = Question(0, "t", "Which organ?", ("A cell", "Air", "The heart", "Bone"), 2, "biology")
LONG = replace(SHORT, index=1, question="Which organ? " * 20)


def of(*questions: Question, **options) -> QuestionSet:
    return QuestionSet("quiz", "Quiz", "forget", questions, **options)


def positions(question: Question, protocol: Protocol = CLOZE, worked=()) -> int:
    """By tokens alone: the prompt's, and those of the longest option but its last."""
    packed = pack(TOKENIZER, question, protocol, worked)
    return packed.branch.count(-1) + max(map(packed.branch.count, range(4)))


def test_a_question_of_just_as_many_positions_as_the_model_has_stays():
    n = positions(LONG)
    sets, packed = pack_sets(TOKENIZER, [of(SHORT, LONG)], CLOZE, n)
    assert sets[0].questions == (SHORT, LONG)
    assert sets[0].skipped == ""
    assert packed["quiz", 1] == pack(TOKENIZER, LONG, CLOZE)


def test_one_more_is_left_out_and_named_with_its_row(caplog):
    n = positions(LONG)
    sets, packed = pack_sets(TOKENIZER, [of(SHORT, LONG, skipped="So.")], CLOZE, n - 1)
    assert sets[0].questions == (SHORT,)
    assert set(packed) == {("quiz", 0)}
    assert sets[0].skipped == (
        f"So. Quiz: 1 question is left out, longer than the {n - 1} tokens this model reads "
        f"(row 2 with {n})."
    )
    assert "row 2" in caplog.text


def test_where_none_is_left_there_is_no_set():
    with pytest.raises(BadInput, match="1 question is left out, .* None is left"):
        pack_sets(TOKENIZER, [of(LONG)], CLOZE, 20)


def test_worked_examples_count():
    protocol = Protocol("letter", "lm-eval")
    asked = of(SHORT, examples=(replace(LONG, index=0),), shots=1)
    n = positions(SHORT, protocol, (LONG,))
    assert positions(SHORT, protocol) < 100 < n
    assert pack_sets(TOKENIZER, [asked], protocol, n)[0][0].questions == (SHORT,)
    with pytest.raises(BadInput, match="None is left"):
        pack_sets(TOKENIZER, [asked], protocol, n - 1)


def test_without_a_bound_every_question_stays():
    assert len(pack_sets(TOKENIZER, [of(SHORT, LONG)], CLOZE, None)[0].questions) == 2
