import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BadInput
from backend.questions import PREFIX, Question, branch_positions, choice_scores, letter_prompt, pack, read_set, tree_mask
from backend.setups import SetSource
from tests.toy import build_tokenizer

QUESTION = Question(0, "t", "Which organ pumps blood?", ("The heart", "A cell", "Air", "The old town"), 0)


def test_cloze_row_holds_every_option_once_and_leaves_out_its_last_token():
    tokenizer = build_tokenizer()
    packed = pack(tokenizer, QUESTION, "biology", "cloze")
    prefix = tokenizer("Question: Which organ pumps blood?\nAnswer:")["input_ids"]
    for option, text in enumerate(QUESTION.choices):
        whole = tokenizer("Question: Which organ pumps blood?\nAnswer: " + text)["input_ids"]
        assert [t for t, c in zip(packed.score_token, packed.score_choice, strict=True) if c == option] == whole[len(prefix) :]
        row = [t for t, b in zip(packed.ids, packed.branch, strict=True) if b in (PREFIX, option)]
        assert row == whole[:-1]


def test_letter_prompt_is_the_papers():
    header = "The following are multiple choice questions (with answers) about biology.\n"
    expected = header + "Which organ pumps blood?\nA. The heart\nB. A cell\nC. Air\nD. The old town\nAnswer:"
    assert letter_prompt(QUESTION, header) == expected


def test_letter_reads_both_forms_of_each_letter():
    packed = pack(build_tokenizer(), QUESTION, "biology", "letter")
    assert set(packed.score_choice) == {0, 1, 2, 3}
    assert set(packed.score_pos) == {len(packed.ids) - 1}


@given(st.lists(st.integers(0, 4), min_size=4, max_size=4), st.integers(1, 5))
def test_tree_mask_shows_a_branch_only_the_prefix_and_itself(sizes, n_prefix):
    branch = [PREFIX] * n_prefix + [b for b, size in enumerate(sizes) for _ in range(size)]
    mask = tree_mask(torch.tensor([branch]), torch.ones(1, len(branch), dtype=torch.bool))[0, 0]
    for i in range(len(branch)):
        for j in range(len(branch)):
            assert bool(mask[i, j]) == (j <= i and branch[j] in (PREFIX, branch[i]))
    positions = branch_positions(branch)
    for b, size in enumerate(sizes):
        assert [p for p, mine in zip(positions, branch, strict=True) if mine == b] == list(range(n_prefix, n_prefix + size))


def test_scores_are_sums_for_cloze_and_maxima_for_letters():
    log_probs = torch.tensor([-1.0, -2.0, -4.0, -3.0, -5.0])
    choice, row = torch.tensor([0, 0, 1, 2, 3]), torch.zeros(5, dtype=torch.long)
    assert choice_scores(log_probs, choice, row, 1, "cloze").tolist() == [[-3.0, -4.0, -3.0, -5.0]]
    assert choice_scores(log_probs, choice, row, 1, "letter").tolist() == [[-1.0, -4.0, -3.0, -5.0]]


@pytest.mark.parametrize(
    "row",
    [
        {"question": "q", "choices": ["a", "b", "c"], "answer": 0},
        {"question": "q", "choices": ["a", "b", "c", ""], "answer": 0},
        {"question": "q", "choices": ["a", "b", "c", "d"], "answer": 4},
        {"choices": ["a", "b", "c", "d"], "answer": 0},
        [1, 2],
    ],
)
def test_a_row_that_is_no_question_is_named_by_line(tmp_path, row):
    file = tmp_path / "quiz.jsonl"
    good = {"question": "q", "choices": ["a", "b", "c", "d"], "answer": 0}
    file.write_text(json.dumps(good) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(BadInput, match="line 2"):
        read_set(SetSource("biology", "Biology", "forget", file))
