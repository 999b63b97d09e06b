"""What runs together: where each token lies, and what it may see there, against brute force."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.data.questions import PREFIX
from backend.model.attention import STEP
from backend.model.batches import Batch, stepped
from backend.model.rows import Plan, Rows
from tests.support.packed import packed_rows

CPU = torch.device("cpu")
SEEDS = st.integers(0, 2**32 - 1)


def drawn_batch(packed, seed, step=STEP):
    """Some rows in any order, of which some tokens run, one at least, and some of the others are
    context.
    """
    rows, generator = Rows.of(packed), torch.Generator().manual_seed(seed)
    order = torch.randperm(rows.n_rows, generator=generator)
    chosen = order[: int(torch.randint(1, rows.n_rows + 1, (), generator=generator))]
    kind = torch.randint(0, 3, (rows.n_tokens,), generator=generator)
    kind[rows.start[chosen[0]]] = 0
    query = kind == 0
    plan = Plan.of(rows, query, kind == 1, query[rows.read_at()])
    return plan, chosen, Batch.of(plan, chosen, CPU, step)


def row_by_row(mask, rows, order):
    """Places of the stream at which the mask is set, of these rows one after the other."""
    row_of = rows.row_of_token()
    return [t for r in order for t in (mask & (row_of == r)).nonzero().flatten().tolist()]


def as_mask(values, n):
    mask = torch.zeros(n, dtype=torch.bool)
    mask[values] = True
    return mask


@settings(max_examples=60, deadline=None)
@given(packed_rows(), SEEDS, st.sampled_from([STEP, 3 * STEP]))
def test_tokens_lie_row_after_row_and_are_padded_to_a_multiple(packed, seed, step):
    plan, chosen, batch = drawn_batch(packed, seed, step)
    rows = plan.rows
    assert sorted(batch.rows.tolist()) == sorted(chosen.tolist())
    wanted = row_by_row(as_mask(plan.query.values, rows.n_tokens), rows, batch.rows.tolist())
    assert batch.tokens.tolist() == wanted
    assert batch.n == len(wanted) == int(batch.lengths.sum())
    padding = [wanted[0]] * (stepped(batch.n, step) - batch.n)
    assert batch.token.tolist() == [wanted + padding]
    assert torch.equal(batch.position[0], rows.position[batch.token[0]].long())
    assert torch.equal(batch.shared, rows.branch[batch.token] == PREFIX)
    context = row_by_row(as_mask(plan.context.values, rows.n_tokens), rows, batch.rows.tolist())
    assert batch.context.tolist() == context
    reads = row_by_row(as_mask(plan.read.values, rows.n_tokens), rows, batch.rows.tolist())
    assert batch.n_read == len(reads)
    assert batch.token[0, batch.read[0, : len(reads)]].tolist() == reads
    assert batch.read.shape == (1, stepped(len(reads), step) if reads else 0)


def seen_in(layout, place, queries):
    """For each of these queries (places of the batch, in the order of `layout.back`) the columns it
    sees, each with the place among the keys that stands there.
    """
    starts, out = [0], []
    for tile in layout.tiles:
        starts.append(starts[-1] + tile.query.numel())
        assert tile.query.shape[1] % STEP == 0
        assert tile.key.shape[1] % STEP == 0
    for mine, at in zip(queries, layout.back.tolist(), strict=False):
        number = max(i for i, start in enumerate(starts[:-1]) if start <= at)
        tile = layout.tiles[number]
        row, column = divmod(at - starts[number], tile.query.shape[1])
        assert place[int(tile.query[row, column])] == mine
        seen = tile.sight.seen[row, column].nonzero().flatten().tolist()
        out.append([(k, int(tile.key[row, k])) for k in seen])
    return out


@settings(max_examples=60, deadline=None)
@given(packed_rows(most_prefix=20, most_branch=8), SEEDS)
def test_each_query_sees_what_it_may_of_context_and_queries_at_its_place_in_the_row(packed, seed):
    """A key's column is its place in its row: whatever else is in the batch, it is summed there."""
    plan, _, batch = drawn_batch(packed, seed)
    rows = plan.rows
    row_of, branch, start = rows.row_of_token().tolist(), rows.branch.tolist(), rows.start.tolist()
    tokens = batch.token[0].tolist()
    keys = [*tokens, *batch.context.tolist()]
    there = {*batch.tokens.tolist(), *batch.context.tolist()}
    reads = batch.read[0, : batch.n_read].tolist()
    for layout, at, queries in (
        (batch.layout, tokens, batch.tokens.tolist()),
        (batch.read_layout, [tokens[place] for place in reads], [tokens[r] for r in reads]),
    ):
        for token, seen in zip(queries, seen_in(layout, at, queries), strict=True):
            wanted = [
                t
                for t in range(start[row_of[token]], token + 1)
                if t in there and branch[t] in (PREFIX, branch[token])
            ]
            assert [keys[place] for _, place in seen] == wanted
            assert [column for column, _ in seen] == [t - start[row_of[token]] for t in wanted]


@settings(max_examples=40, deadline=None)
@given(packed_rows(), SEEDS)
def test_values_of_tokens_are_found_again_row_by_row(packed, seed):
    _, _, batch = drawn_batch(packed, seed)
    values, real = batch.in_rows(batch.token[..., None] * torch.tensor([1, 10]))
    for row, length in enumerate(batch.lengths.tolist()):
        begin = int(batch.lengths[:row].sum())
        mine = batch.tokens[begin : begin + length]
        assert real[row].tolist() == [column < length for column in range(real.shape[1])]
        assert torch.equal(values[row, :length], torch.stack([mine, 10 * mine], 1))


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [
        ([16, 16, 16], [3]),
        ([30, 32, 20], [3]),
        ([16, 100, 3], [1, 2]),
        ([200, 16, 100, 90, 30], [1, 2, 1, 1]),
    ],
    ids=str,
)
def test_rows_of_less_than_half_the_area_stand_in_a_tile_of_their_own(lengths, sizes):
    """The areas of the last case: 208², 112², 96², 32² and 16²."""
    rows = Rows.of_text([[7] * n for n in lengths])
    batch = Batch.of(Plan.whole(rows), torch.arange(len(lengths)), CPU)
    assert [len(tile.query) for tile in batch.layout.tiles] == sizes
    assert batch.lengths.tolist() == sorted(lengths, reverse=True)


@pytest.mark.parametrize(
    ("n", "step", "least"), [(0, 16, 16), (1, 16, 16), (16, 16, 16), (17, 16, 32)]
)
def test_the_least_multiple_holds_them_all_and_is_one_at_least(n, step, least):
    assert stepped(n, step) == least
