import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.data.questions import (
    NO_QUESTIONS,
    PREFIX,
    Question,
    QuestionSet,
    QuestionSets,
    branch_positions,
    choice_scores,
)
from backend.errors import BadInput
from backend.model.attention import Sight


@given(st.lists(st.integers(0, 4), min_size=4, max_size=4), st.integers(1, 5))
def test_tree_mask_shows_a_branch_only_the_prefix_and_itself(sizes, n_prefix):
    branch = [PREFIX] * n_prefix + [b for b, size in enumerate(sizes) for _ in range(size)]
    positions = branch_positions(branch)
    every = torch.arange(len(branch))[None]
    there = torch.ones(1, len(branch), dtype=torch.bool)

    def sight(first: int) -> Sight:
        """Of the tokens from this one on."""
        pairs = ((t[:, first:], t) for t in (every, torch.tensor([branch]), position))
        return Sight.tree(*pairs, there)

    position = torch.tensor([positions])
    whole, later = sight(0), sight(n_prefix)
    for i in range(len(branch)):
        for j in range(len(branch)):
            assert bool(whole.seen[0, i, j]) == (j <= i and branch[j] in (PREFIX, branch[i]))
            assert int(whole.distance[0, i, j]) == positions[i] - positions[j]
    assert torch.equal(later.seen, whole.seen[:, n_prefix:])
    for b, size in enumerate(sizes):
        assert [p for p, mine in zip(positions, branch, strict=True) if mine == b] == list(
            range(n_prefix, n_prefix + size)
        )


def test_scores_are_sums_for_cloze_and_maxima_for_letters():
    log_probs = torch.tensor([-1.0, -2.0, -4.0, -3.0, -5.0])
    choice, row = torch.tensor([0, 0, 1, 2, 3]), torch.zeros(5, dtype=torch.long)
    assert choice_scores(log_probs, choice, row, 1, "cloze").tolist() == [[-3.0, -4.0, -3.0, -5.0]]
    assert choice_scores(log_probs, choice, row, 1, "letter").tolist() == [[-1.0, -4.0, -3.0, -5.0]]


def test_halves_are_even_and_odd_rows_or_drawn_with_a_seed():
    def rows(name: str, indices: list[int]) -> QuestionSet:
        return QuestionSet(
            name,
            name,
            "forget",
            tuple(Question(i, "", "q", ("a", "b", "c", "d"), 0) for i in indices),
        )

    b = rows("b", list(range(40)))
    sets = QuestionSets((rows("a", [0, 2, 3, 7, 8]), b))
    assert sets.selection(None).tolist() == [True, True, False, False, True] + [True, False] * 20
    drawn = sets.selection(1)
    assert (int(drawn[:5].sum()), int(drawn[5:].sum())) == (3, 20)
    assert torch.equal(drawn, sets.selection(1))
    assert not torch.equal(drawn, sets.selection(2))
    alone = QuestionSets((b,)).selection(1)
    assert torch.equal(drawn[5:], alone), "what other sets there are does not matter"


def test_all_sets_in_a_row_by_name_role_and_place():
    def some(name, role, answers):
        questions = (Question(i, "", "q", ("a", "b", "c", "d"), a) for i, a in enumerate(answers))
        return QuestionSet(name, name, role, tuple(questions))

    one = some("x", "forget", [1, 0])
    two = some("y", "retain", [3])
    three = some("z", "forget", [2])
    sets = QuestionSets((one, two, three))
    assert list(sets) == [one, two, three]
    assert sets.answers.tolist() == [1, 0, 3, 2]
    assert sets.set_of.tolist() == [0, 0, 1, 2]
    assert sets.span("z") == slice(3, 4)
    assert sets.role("forget").tolist() == [True, True, False, True]
    assert sets.named(["z", "y"]).tolist() == [False, False, True, True]
    assert sets.at(1) == (one, one.questions[1])
    assert list(sets.places())[2:] == [(two, two.questions[0]), (three, three.questions[0])]
    with pytest.raises(BadInput, match="no question set 'w'; this setup has x, y, z"):
        sets.named(["y", "w"])
    assert NO_QUESTIONS.answers.tolist() == []
