"""Packed rows, plans and batches against loops over the same tokens."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.data.questions import PREFIX, Packed
from backend.model.rows import Batch, Plan, Ragged, Rows


@st.composite
def packed_rows(draw):
    """Rows with a prefix and up to four branches, one score entry at each branch's end."""
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        n_prefix = draw(st.integers(1, 5))
        sizes = draw(st.lists(st.integers(0, 3), min_size=4, max_size=4))
        branch = [PREFIX] * n_prefix + [b for b, size in enumerate(sizes) for _ in range(size)]
        ends = [
            max(i for i, mine in enumerate(branch) if mine in (PREFIX, b)) if size else n_prefix - 1
            for b, size in enumerate(sizes)
        ]
        ids = draw(st.lists(st.integers(0, 99), min_size=len(branch), max_size=len(branch)))
        rows.append(Packed(ids, branch, ends, [7, 8, 9, 10], [0, 1, 2, 3], [1.0] * 4))
    return rows


def test_rows_of_numbers_are_padded_with_their_last_and_flattened_back():
    ragged = Ragged(torch.tensor([4, 7, 9, 1, 2]), torch.tensor([0, 3, 3, 5]))
    values, real = ragged.padded(torch.tensor([2, 0]))
    assert values.tolist() == [[1, 2, 2], [4, 7, 9]]
    assert real.tolist() == [[True, True, False], [True, True, True]]
    values, row = ragged.flat(torch.tensor([2, 1, 0]))
    assert values.tolist() == [1, 2, 4, 7, 9]
    assert row.tolist() == [0, 0, 2, 2, 2]
    assert ragged.rank(10)[ragged.values].tolist() == [0, 1, 2, 0, 1]


def test_a_row_without_numbers_has_no_real_ones():
    ragged = Ragged(torch.tensor([], dtype=torch.int64), torch.tensor([0, 0, 0]))
    values, real = ragged.padded(torch.tensor([0, 1]))
    assert values.shape == real.shape == (2, 0)


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
        assert len(batch) == 1 or len(batch) * int(lengths[batch].max()) <= budget
    again = plan.batches(torch.arange(plan.rows.n_rows), budget)
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))


@settings(max_examples=40)
@given(packed_rows(), st.data())
def test_a_batch_shows_each_query_what_it_may_see_among_context_and_queries(packed, data):
    rows = Rows.of(packed)
    drawn = data.draw(st.lists(st.booleans(), min_size=rows.n_tokens, max_size=rows.n_tokens))
    query = torch.tensor(drawn)
    entries = query[rows.read_at()]
    plan = Plan.of(rows, query, ~query, entries)
    batch = Batch.of(plan, torch.arange(rows.n_rows), torch.device("cpu"))
    assert batch.tokens.tolist() == query.nonzero().squeeze(-1).tolist()
    assert torch.equal(batch.token.flatten()[batch.places], batch.tokens)
    keys = torch.cat([batch.context, batch.token], 1)
    key_real = torch.cat([plan.context.padded(batch.rows)[1], batch.real], 1)
    branch = rows.branch
    for row, column in batch.real.nonzero().tolist():
        token = int(batch.token[row, column])
        seen = {
            int(keys[row, k])
            for k in range(keys.shape[1])
            if batch.sight.seen[row, column, k] and key_real[row, k]
        }
        mine = (rows.row_of_token() == row).nonzero().squeeze(-1).tolist()
        own = (PREFIX, int(branch[token]))
        assert seen == {t for t in mine if t <= token and int(branch[t]) in own}
