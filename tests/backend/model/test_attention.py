"""The kernel against torch's own and against its formula, masks against brute force, caches."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from backend.data.questions import PREFIX, branch_positions
from backend.model.attention import (
    Given,
    Growing,
    Joining,
    KeysComputed,
    KeyValues,
    Layout,
    LeavingEarly,
    Room,
    Sight,
    Tile,
)
from backend.model.kernel import CHUNK, grouped_attention

ROWS, HEADS, KV_HEADS, N_Q, N_K, D_HEAD = 2, 6, 3, 4, 5, 8
CPU = torch.device("cpu")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


QUERY = random(ROWS, HEADS, N_Q, D_HEAD, seed=1)
KEY = random(ROWS, KV_HEADS, N_K, D_HEAD, seed=2)
VALUE = random(ROWS, KV_HEADS, N_K, D_HEAD, seed=3)
MASK = torch.zeros(ROWS, 1, N_Q, N_K).masked_fill(random(ROWS, 1, N_Q, N_K) > 0.3, -1e30)
MASK[..., 0] = 0


def attended(mask: torch.Tensor | None, **options) -> torch.Tensor:
    """(row, head, q, d), as torch's own attention has it."""
    out, weights = grouped_attention(nn.Module(), QUERY, KEY, VALUE, mask, 0.3, **options)
    assert weights is None
    return out.transpose(1, 2)


@pytest.mark.parametrize("mask", [None, MASK], ids=["everything seen", "masked"])
def test_the_kernel_is_torchs_attention_with_keys_repeated(mask):
    key, value = (x.repeat_interleave(HEADS // KV_HEADS, dim=1) for x in (KEY, VALUE))
    wanted = scaled_dot_product_attention(QUERY, key, value, attn_mask=mask, scale=0.3)
    torch.testing.assert_close(attended(mask), wanted)


def test_the_soft_cap_is_its_formula_head_by_head():
    cap, group = 0.7, HEADS // KV_HEADS
    for row in range(ROWS):
        for head in range(HEADS):
            key, value = KEY[row, head // group], VALUE[row, head // group]
            scores = cap * torch.tanh(0.3 * QUERY[row, head] @ key.T / cap) + MASK[row, 0]
            wanted = torch.softmax(scores, -1) @ value
            torch.testing.assert_close(attended(MASK, softcap=cap)[row, head], wanted)


def test_the_softmax_is_in_float32_whatever_goes_in():
    halves = (x.bfloat16() for x in (QUERY, KEY, VALUE))
    query, key, value = halves
    out, _ = grouped_attention(nn.Module(), query, key, value, None, 0.3)
    key, value = (x.repeat_interleave(HEADS // KV_HEADS, dim=1) for x in (key, value))
    scores = (query @ key.transpose(-1, -2)) * 0.3
    wanted = torch.softmax(scores.float(), -1).bfloat16() @ value
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.transpose(1, 2), wanted)


@pytest.mark.parametrize("n_keys", [CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_values_summed_in_chunks_are_torchs_attention(n_keys):
    query, key, value = (
        random(2, 3, n, D_HEAD, seed=seed) for seed, n in enumerate((N_Q, n_keys, n_keys))
    )
    out, _ = grouped_attention(nn.Module(), query, key, value, None, 0.3)
    wanted = scaled_dot_product_attention(query, key, value, scale=0.3)
    torch.testing.assert_close(out.transpose(1, 2), wanted)


def one_row(rows: torch.Tensor) -> torch.Tensor:
    """(row, head, n, d) -> (1, head, row * n, d): the rows' tokens one after the other."""
    return rows.transpose(0, 1).flatten(1, 2)[None]


def test_tokens_in_one_row_attend_as_the_rows_they_lie_in_do():
    """Each row in a tile of its own, the second first, its keys backwards and its queries padded
    with another's; the last token of the one row is padding.
    """
    seen = MASK[:, 0] == 0
    tiles = []
    for row in (1, 0):
        back = torch.arange(N_K).flip(0)
        query = row * N_Q + torch.tensor([[0, 1, 2, 3, 5]])
        mine = torch.cat([seen[row], torch.ones(1, N_K, dtype=torch.bool)])[None]
        sight = Sight(mine[:, :, back], torch.zeros(1, N_Q + 1, N_K, dtype=torch.int64))
        tiles.append(Tile(query % (ROWS * N_Q), row * N_K + back[None], sight))
    places = [5, 6, 7, 8, 0, 1, 2, 3, 0]  # of the first row's tokens, which are in the second tile
    layout = Layout(tuple(tiles), torch.tensor(places))
    query = torch.cat([one_row(QUERY), one_row(QUERY)[:, :, :1]], 2)
    out, weights = grouped_attention(
        nn.Module(), query, one_row(KEY), one_row(VALUE), None, 0.3, layout=layout
    )
    assert weights is None
    assert out.shape == (1, ROWS * N_Q + 1, HEADS, D_HEAD)
    wanted = attended(MASK).transpose(1, 2).flatten(0, 1)  # (row * q, head, d)
    torch.testing.assert_close(out[0, :-1], wanted)


def test_a_block_of_one_row_looks_through_its_own_window():
    """A layer that slides has the keys that are near; the others have all."""
    layout = Layout.causal(ROWS, N_Q, CPU)
    key, value = KEY[:, :, :N_Q], VALUE[:, :, :N_Q]
    for window in (None, 2):
        mask = Sight.causal(ROWS, N_Q, CPU).mask(window, torch.float32)
        wanted, _ = grouped_attention(nn.Module(), QUERY, key, value, mask, 0.3)
        rows = (one_row(QUERY), one_row(key), one_row(value))
        out, _ = grouped_attention(
            nn.Module(), *rows, None, 0.3, sliding_window=window, layout=layout
        )
        torch.testing.assert_close(out[0], wanted.flatten(0, 1))


BRANCHES = st.lists(st.integers(0, 3), min_size=1, max_size=4)


@given(BRANCHES, st.integers(1, 4), st.data())
def test_a_token_sees_the_earlier_ones_of_its_prefix_and_branch_that_are_there(
    sizes, n_prefix, data
):
    branch = [PREFIX] * n_prefix + [b for b, size in enumerate(sizes) for _ in range(size)]
    position = branch_positions(branch)
    places = st.lists(st.integers(0, len(branch) - 1), min_size=1, max_size=8)
    queries, keys = data.draw(places), data.draw(places)
    there = data.draw(st.lists(st.booleans(), min_size=len(keys), max_size=len(keys)))

    def of(values):
        return tuple(torch.tensor([[values[at] for at in some]]) for some in (queries, keys))

    sight = Sight.tree(of(range(len(branch))), of(branch), of(position), torch.tensor([there]))
    for i, q in enumerate(queries):
        for j, k in enumerate(keys):
            sees = there[j] and k <= q and branch[k] in (PREFIX, branch[q])
            assert bool(sight.seen[0, i, j]) == sees
            assert int(sight.distance[0, i, j]) == position[q] - position[k]


@pytest.mark.parametrize("n_cached", [0, 2])
def test_plain_text_sees_all_that_came_before(n_cached):
    sight = Sight.causal(3, 5, CPU, n_cached)
    assert sight.seen.shape == (3, 5 - n_cached, 5)
    for q in range(n_cached, 5):
        assert sight.seen[1, q - n_cached].tolist() == [k <= q for k in range(5)]
        assert sight.distance[1, q - n_cached].tolist() == [q - k for k in range(5)]


def seen_by(mask: torch.Tensor) -> list[list[bool]]:
    """Of the first row: 0 where a key is seen, the lowest number of its type where it is not."""
    assert set(mask.unique().tolist()) <= {0.0, torch.finfo(mask.dtype).min}
    return (mask[0, 0] == 0).tolist()


CAUSAL = [[k <= q for k in range(5)] for q in range(5)]
IN_WINDOW = [[q - 2 < k <= q for k in range(5)] for q in range(5)]


@pytest.mark.parametrize(("window", "wanted"), [(None, CAUSAL), (2, IN_WINDOW)])
def test_a_mask_hides_what_is_not_seen_or_is_too_far(window, wanted):
    mask = Sight.causal(2, 5, CPU).mask(window, torch.bfloat16)
    assert (mask.shape, mask.dtype) == ((2, 1, 5, 5), torch.bfloat16)
    assert seen_by(mask) == wanted


def test_a_tile_has_a_mask_for_each_window_and_dtype_and_makes_it_once():
    [tile] = Layout.causal(2, 5, CPU).tiles
    masks = {
        (window, dtype): tile.mask(window, dtype)
        for window in (None, 2)
        for dtype in (torch.float32, torch.bfloat16)
    }
    for (window, dtype), mask in masks.items():
        assert mask.dtype == dtype
        assert seen_by(mask) == (CAUSAL if window is None else IN_WINDOW)
        assert tile.mask(window, dtype) is mask


def test_a_window_counts_positions_and_not_places_in_the_row():
    token, branch = torch.arange(4)[None], torch.tensor([[PREFIX, 0, 0, 1]])
    position = torch.tensor([[0, 1, 2, 1]])
    there = torch.ones(1, 4, dtype=torch.bool)
    sight = Sight.tree((token, token), (branch, branch), (position, position), there)
    assert seen_by(sight.mask(2, torch.float32))[3] == [True, False, False, True]


@pytest.mark.parametrize("n_cached", [0, 2])
def test_rows_of_text_lie_side_by_side(n_cached):
    rows = 1 if n_cached else 3
    layout = Layout.causal(rows, 5, CPU, n_cached)
    [tile] = layout.tiles
    assert tile.query.flatten()[layout.back].tolist() == list(range(rows * (5 - n_cached)))
    assert tile.key.tolist() == [[5 * row + k for k in range(5)] for row in range(rows)]
    assert torch.equal(tile.sight.seen, Sight.causal(rows, 5, CPU, n_cached).seen)


def pair(seed: int, n: int = N_K) -> tuple[torch.Tensor, torch.Tensor]:
    return random(1, KV_HEADS, n, 2, seed=seed), random(1, KV_HEADS, n, 2, seed=seed + 1)


def test_kept_keys_are_found_again_by_their_tokens():
    known = KeyValues(20)
    first, second, other = pair(10), pair(12), pair(14)
    known.put(torch.tensor([7, 3]), torch.tensor([0, 4]), {5: first, 6: other})
    known.put(torch.tensor([12]), torch.tensor([2]), {5: second, 6: other})
    assert known.have.nonzero().flatten().tolist() == [3, 7, 12]
    got = known.of(5, torch.tensor([3, 12, 7, 3]))
    for mine, one, two in zip(got, first, second, strict=True):
        assert mine.shape == (1, KV_HEADS, 4, 2)
        assert torch.equal(mine[:, :, [0, 2, 3]], one[:, :, [4, 0, 4]])
        assert torch.equal(mine[:, :, 1], two[:, :, 2])
    assert torch.equal(known.of(6, torch.tensor([3]))[0], other[0][:, :, [4]])


def bytes_of(n_tokens: int, blocks: int) -> int:
    return n_tokens * blocks * 2 * KV_HEADS * 2 * 4


def test_keys_are_kept_where_all_of_the_streams_fit_and_take_that_much_room():
    room = Room(bytes_of(20, blocks=2) + bytes_of(3, blocks=1))
    one, many, few = KeyValues(20, room), KeyValues(4, room), KeyValues(3, room)
    for layers in ({0: pair(10), 1: pair(12)}, {0: pair(14), 1: pair(16)}):
        one.put(torch.tensor([5]), torch.tensor([1]), layers)
        assert one.fit
        assert room.left == bytes_of(3, blocks=1), "a stream takes its room once"
    many.put(torch.tensor([0]), torch.tensor([0]), {0: pair(18)})
    assert not many.fit
    assert not many.have.any()
    assert room.left == bytes_of(3, blocks=1), "what does not fit takes nothing"
    few.put(torch.tensor([0]), torch.tensor([0]), {0: pair(18)})
    assert (few.fit, room.left) == (True, 0)


def test_keys_of_batches_of_another_multiple_are_forgotten():
    known, tokens, places = KeyValues(20), torch.tensor([7]), torch.tensor([3])
    assert known.of_step(16) is known
    known.put(tokens, places, {0: pair(10)})
    assert known.of_step(16).have[7]
    assert not known.of_step(32).have.any()
    later = pair(20)
    known.put(tokens, places, {0: later})
    assert torch.equal(known.of_step(32).of(0, tokens)[0], later[0][:, :, places])


def test_known_keys_come_after_a_blocks_own():
    known = KeyValues(3)
    kept = pair(20, n=3)
    known.put(torch.arange(3), torch.arange(3), {0: kept})
    own = pair(30, n=4)
    joined = Joining(known, torch.tensor([2, 0])).update(*own, 0)
    for mine, theirs, out in zip(own, kept, joined, strict=True):
        assert torch.equal(out, torch.cat([mine, theirs[:, :, [2, 0]]], 2))


@pytest.mark.parametrize("context", [None, torch.zeros(0, dtype=torch.int64)])
def test_without_context_a_block_attends_to_its_own_keys(context):
    own = pair(40)
    joining = Joining(KeyValues(N_K), context, keep=True)
    key, value = joining.update(*own, 3)
    assert key is own[0]
    assert value is own[1]
    assert set(joining.own) == {3}


def test_what_is_kept_of_a_block_is_its_own_and_nothing_is_unless_asked():
    known, own = KeyValues(3), pair(40)
    known.put(torch.arange(3), torch.arange(3), {3: pair(20, n=3)})
    joining = Joining(known, torch.tensor([1]), keep=True)
    joining.update(*own, 3)
    assert joining.own == {3: own}
    asked_for_nothing = replace(joining, keep=False, own={})
    asked_for_nothing.update(*own, 3)
    assert asked_for_nothing.own == {}


def test_what_was_written_stays_and_comes_first():
    growing = Growing()
    first, second = pair(50), pair(60, n=1)
    assert growing.update(*first, 0) == first
    key, value = growing.update(*second, 0)
    assert torch.equal(key, torch.cat([first[0], second[0]], 2))
    assert torch.equal(value, torch.cat([first[1], second[1]], 2))
    assert growing.update(*second, 1) == second, "another block has keys of its own"


def test_a_block_is_left_once_its_keys_are_computed():
    leaving = LeavingEarly(Joining())
    own = pair(70)
    with pytest.raises(KeysComputed):
        leaving.update(*own, 0)
    assert leaving.pair == own


def test_given_keys_are_attended_to_whatever_a_block_computes():
    given = pair(80)
    assert Given(given).update(*pair(90), 0) == given
