"""Packed rows and plans against loops over the same tokens."""

from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.model.rows import Plan, Ragged, Rows
from tests.support.packed import packed_rows


def test_rows_of_numbers_are_padded_with_their_last_and_flattened_back():
    ragged = Ragged(torch.tensor([4, 7, 9, 1, 2]), torch.tensor([0, 3, 3, 5]))
    values, real = ragged.padded(torch.tensor([2, 0]))
    assert values.tolist() == [[1, 2, 2], [4, 7, 9]]
    assert real.tolist() == [[True, True, False], [True, True, True]]
    values, row = ragged.flat(torch.tensor([2, 1, 0]))
    assert values.tolist() == [1, 2, 4, 7, 9]
    assert row.tolist() == [0, 0, 2, 2, 2]
    assert ragged.rank(10)[ragged.values].tolist() == [0, 1, 2, 0, 1]


def test_columns_come_in_multiples_where_they_are_asked_to():
    ragged = Ragged(torch.tensor([4, 7, 9, 1, 2]), torch.tensor([0, 3, 3, 5]))
    values, real = ragged.padded(torch.tensor([0, 2]), step=4)
    assert values.tolist() == [[4, 7, 9, 9], [1, 2, 2, 2]]
    assert real.sum(1).tolist() == [3, 2]
    assert ragged.padded(torch.tensor([2]), step=2)[0].tolist() == [[1, 2]]


def test_a_row_without_numbers_has_no_real_ones():
    ragged = Ragged(torch.tensor([], dtype=torch.int64), torch.tensor([0, 0, 0]))
    values, real = ragged.padded(torch.tensor([0, 1]))
    assert values.shape == real.shape == (2, 0)


@given(packed_rows())
def test_rows_are_unpacked_to_what_they_were_made_of(packed):
    assert Rows.of(packed).packed() == packed


@given(packed_rows())
def test_the_stream_holds_every_row_and_reads_its_own_tokens(packed):
    rows = Rows.of(packed)
    assert rows.n_rows == len(packed)
    assert rows.ids.tolist() == [i for p in packed for i in p.ids]
    begin, read = 0, []
    for row, p in enumerate(packed):
        assert (rows.row_of_token() == row).sum() == len(p.ids)
        read += [begin + pos for pos in p.score_pos]
        begin += len(p.ids)
    assert rows.read_at().tolist() == read


@settings(max_examples=40)
@given(packed_rows(), st.integers(1, 30))
def test_batches_hold_every_row_once_within_the_budget(packed, budget):
    plan = Plan.whole(Rows.of(packed))
    batches = plan.batches(torch.arange(plan.rows.n_rows), budget)
    assert sorted(row for batch in batches for row in batch.tolist()) == list(range(len(packed)))
    lengths = plan.query.lengths()
    for batch in batches:
        assert len(batch) == 1 or int(lengths[batch].sum()) <= budget
    for batch, after in pairwise(batches):
        assert int(lengths[batch].sum() + lengths[after[0]]) > budget, "it had room for one more"
    again = plan.batches(torch.arange(plan.rows.n_rows), budget)
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))


def text_rows(n: int) -> Plan:
    """Rows of 1, 2, ... n tokens."""
    return Plan.whole(Rows.of_text([[7] * (i + 1) for i in range(n)]))


def test_rows_come_in_one_shuffled_order_whatever_the_budget():
    plan, every = text_rows(60), torch.arange(60)
    orders = [torch.cat(plan.batches(every, budget)).tolist() for budget in (1, 50, 10_000)]
    assert orders[0] == orders[1] == orders[2]
    assert sorted(orders[0]) == list(range(60)) != orders[0]
    assert torch.cat(plan.batches(every, 50, seed=1)).tolist() != orders[0]


def test_the_first_to_run_are_as_long_as_the_others():
    """Of 600 rows of 1 to 600 tokens the mean of the first 60 is within 2 standard errors of that
    of all; by length it would be twelve away.
    """
    plan, n = text_rows(600), 60
    lengths = plan.query.lengths()[torch.cat(plan.batches(torch.arange(600), 500))].double()
    error = float(lengths.std()) / n**0.5
    assert abs(float(lengths[:n].mean() - lengths.mean())) < 2 * error
    assert float(lengths.mean() - lengths.sort().values[:n].mean()) > 10 * error


def test_no_row_is_no_batch():
    assert text_rows(3).batches(torch.arange(0), 10) == []
