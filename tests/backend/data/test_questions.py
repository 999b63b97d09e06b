import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.data.questions import (
    PREFIX,
    Question,
    QuestionSet,
    branch_positions,
    choice_scores,
    selection_half,
)
from backend.model.attention import Sight


@given(st.lists(st.integers(0, 4), min_size=4, max_size=4), st.integers(1, 5))
def test_tree_mask_shows_a_branch_only_the_prefix_and_itself(sizes, n_prefix):
    branch = [PREFIX] * n_prefix + [b for b, size in enumerate(sizes) for _ in range(size)]
    positions = branch_positions(branch)
    row = (
        torch.arange(len(branch))[None],
        torch.tensor([branch]),
        torch.tensor([positions]),
        torch.ones(1, len(branch), dtype=torch.bool),
    )
    sight, later = Sight.tree(*row), Sight.tree(*row, n_known=n_prefix)
    for i in range(len(branch)):
        for j in range(len(branch)):
            assert bool(sight.seen[0, i, j]) == (j <= i and branch[j] in (PREFIX, branch[i]))
            assert int(sight.distance[0, i, j]) == positions[i] - positions[j]
    assert torch.equal(later.seen, sight.seen[:, n_prefix:])
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

    sets = [rows("a", [0, 2, 3, 7, 8]), rows("b", list(range(40)))]
    assert selection_half(sets, None) == [True, True, False, False, True] + [True, False] * 20
    drawn = selection_half(sets, 1)
    assert (sum(drawn[:5]), sum(drawn[5:])) == (3, 20) and drawn == selection_half(
        sets, 1
    ) != selection_half(sets, 2)
    assert drawn[5:] == selection_half(sets[1:], 1), "what other sets there are does not matter"
