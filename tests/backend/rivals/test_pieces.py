"""Text for RMU: cut, drawn by seed and step, padded."""

import torch

from backend.rivals.pieces import Pieces, beside, cut

CPU = torch.device("cpu")


def test_rows_are_cut_and_a_rest_below_half_a_piece_is_dropped():
    rows = [list(range(10, 21)), list(range(30, 36)), [1]]
    assert cut(rows, 4, None) == [
        [10, 11, 12, 13],
        [14, 15, 16, 17],
        [18, 19, 20],
        [30, 31, 32, 33],
        [34, 35],
        [1],
    ]
    assert cut([list(range(9))], 4, None) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_every_piece_begins_with_bos_where_its_row_does():
    assert cut([[2, 5, 6, 7, 8], [2]], 3, 2) == [[2, 5, 6], [2, 7, 8], [2]]
    assert cut([[5, 2, 6, 7]], 3, 2) == [[5, 2, 6]]


def test_a_row_of_the_paper_fills_two_pieces():
    """1,024 tokens with BOS, in pieces of 512: BOS stands in each, and one token is over."""
    assert [len(piece) for piece in cut([[2, *range(10, 1033)]], 512, 2)] == [512, 512]


def test_batches_go_through_every_piece_in_an_order_of_the_seeds():
    pieces = Pieces([[i] for i in range(5)], [[i] for i in range(7)])

    def drawn(role, seed, steps):
        batches = [pieces.draw(role, step, 2, seed, CPU).ids for step in range(steps)]
        return torch.cat(batches).flatten().tolist()

    first = drawn("forget", 0, 5)
    assert sorted(first[:5]) == list(range(5))
    assert first[5:] == first[:5]
    assert drawn("forget", 0, 5) == first
    assert drawn("forget", 1, 5) != first
    assert sorted(drawn("retain", 0, 4)[:7]) == list(range(7))


def test_pieces_beside_each_other_are_padded_on_the_right():
    batch = beside([[5, 6, 7], [8]], CPU)
    assert batch.ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch.real.tolist() == [[True, True, True], [True, False, False]]


def test_the_hash_knows_where_a_piece_ends():
    assert Pieces([[1, 2], [3]], []).sha256() != Pieces([[1], [2, 3]], []).sha256()
    assert Pieces([[1]], []).sha256() != Pieces([], [[1]]).sha256()
