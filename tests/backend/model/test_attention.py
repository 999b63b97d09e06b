"""The kernel against torch's own and against its formula, masks against brute force, caches."""

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
    LeavingEarly,
    Sight,
    grouped_attention,
)

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


BRANCHES = st.lists(st.integers(0, 3), min_size=1, max_size=4)


@given(BRANCHES, st.integers(1, 4), st.integers(0, 2), st.data())
def test_a_token_sees_the_earlier_ones_of_its_prefix_and_branch(sizes, n_prefix, n_pad, data):
    own = [PREFIX] * n_prefix + [b for b, size in enumerate(sizes) for _ in range(size)]
    n = len(own) + n_pad
    branch = own + own[-1:] * n_pad
    position = branch_positions(branch)
    real = [True] * len(own) + [False] * n_pad
    n_cached = data.draw(st.integers(0, n - 1))
    sight = Sight.tree(
        torch.arange(n)[None],
        torch.tensor([branch]),
        torch.tensor([position]),
        torch.tensor([real]),
        n_cached,
    )
    for q in range(n_cached, n):
        for k in range(n):
            sees = real[k] and k <= q and branch[k] in (PREFIX, branch[q])
            assert bool(sight.seen[0, q - n_cached, k]) == sees
            assert int(sight.distance[0, q - n_cached, k]) == position[q] - position[k]


@pytest.mark.parametrize("n_cached", [0, 2])
def test_plain_text_sees_all_that_came_before(n_cached):
    sight = Sight.causal(3, 5, CPU, n_cached)
    assert sight.seen.shape == (3, 5 - n_cached, 5)
    for q in range(n_cached, 5):
        assert sight.seen[1, q - n_cached].tolist() == [k <= q for k in range(5)]
        assert sight.distance[1, q - n_cached].tolist() == [q - k for k in range(5)]


def test_the_sight_of_some_queries_is_theirs():
    sight = Sight.causal(2, 5, CPU)
    some = sight.at(torch.tensor([[4, 0, 2], [1, 1, 3]]))
    for row, queries in enumerate([[4, 0, 2], [1, 1, 3]]):
        assert torch.equal(some.seen[row], sight.seen[row, queries])
        assert torch.equal(some.distance[row], sight.distance[row, queries])


def seen_by(mask: torch.Tensor) -> list[list[bool]]:
    """Of the first row: 0 where a key is seen, the lowest number of its type where it is not."""
    assert set(mask.unique().tolist()) <= {0.0, torch.finfo(mask.dtype).min}
    return (mask[0, 0] == 0).tolist()


CAUSAL = [[k <= q for k in range(5)] for q in range(5)]
IN_WINDOW = [[q - 2 < k <= q for k in range(5)] for q in range(5)]


@pytest.mark.parametrize(
    ("window", "layer_types", "wanted"),
    [
        (None, None, CAUSAL),
        (2, None, IN_WINDOW),
        (2, ["full_attention"] * 2, CAUSAL),
    ],
)
def test_layers_of_one_kind_get_one_mask(window, layer_types, wanted):
    mask = Sight.causal(2, 5, CPU).masks(window, layer_types, torch.bfloat16)
    assert (mask.shape, mask.dtype) == ((2, 1, 5, 5), torch.bfloat16)
    assert seen_by(mask) == wanted


def test_layers_of_two_kinds_get_a_mask_each():
    kinds = ["sliding_attention", "full_attention"]
    masks = Sight.causal(2, 5, CPU).masks(2, kinds, torch.float32)
    assert {kind: seen_by(mask) for kind, mask in masks.items()} == {
        "full_attention": CAUSAL,
        "sliding_attention": IN_WINDOW,
    }


def test_a_window_counts_positions_and_not_places_in_the_row():
    sight = Sight.tree(
        torch.arange(4)[None],
        torch.tensor([[PREFIX, 0, 0, 1]]),
        torch.tensor([[0, 1, 2, 1]]),
        torch.ones(1, 4, dtype=torch.bool),
    )
    mask = sight.masks(2, None, torch.float32)
    assert seen_by(mask)[3] == [True, False, False, True]


def pair(seed: int, rows: int = ROWS, n: int = N_K) -> tuple[torch.Tensor, torch.Tensor]:
    return random(rows, KV_HEADS, n, 2, seed=seed), random(rows, KV_HEADS, n, 2, seed=seed + 1)


def test_kept_keys_are_found_again_by_their_tokens():
    known = KeyValues()
    key, value = pair(10)
    tokens, places = torch.tensor([7, 3, 12]), torch.tensor([0, 4, 7])  # rows 0, 0 and 1
    known.put(20, tokens, places, {5: (key, value)})
    got_key, got_value = known.of(5, torch.tensor([[3, 7], [12, 3]]))
    assert got_key.shape == (2, KV_HEADS, 2, 2)
    for row, column, at in ((0, 0, (0, 4)), (0, 1, (0, 0)), (1, 0, (1, 2)), (1, 1, (0, 4))):
        batch_row, place = at
        assert torch.equal(got_key[row, :, column], key[batch_row, :, place])
        assert torch.equal(got_value[row, :, column], value[batch_row, :, place])


def test_known_keys_come_before_a_blocks_own():
    known = KeyValues()
    before = pair(20, rows=1, n=3)
    known.put(3, torch.arange(3), torch.arange(3), {0: before})
    context = torch.tensor([[2, 0]])
    own = pair(30, rows=1, n=4)
    joined = Joining(known, context).update(*own, 0)
    for mine, theirs, out in zip(own, before, joined, strict=True):
        assert torch.equal(out, torch.cat([theirs[:, :, [2, 0]], mine], 2))


@pytest.mark.parametrize("context", [None, torch.zeros(ROWS, 0, dtype=torch.int64)])
def test_without_context_a_block_attends_to_its_own_keys(context):
    own = pair(40)
    joining = Joining(KeyValues(), context, keep=True)
    key, value = joining.update(*own, 3)
    assert key is own[0]
    assert value is own[1]
    assert set(joining.own) == {3}


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
