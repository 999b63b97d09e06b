"""A model cut in parts is the model: bit for bit, under a tree of branches, in Gemma's shapes."""

import pytest
import torch

from backend.data.questions import PREFIX, Packed
from backend.errors import BadSetup
from backend.model.attention import Joining, KeyValues, Room
from backend.model.batches import Batch
from backend.model.kernel import GROUPED
from backend.model.rows import Plan, Rows
from backend.model.split import block_of, split
from tests.support.gemma import gemma_model
from tests.support.toy import build_model, build_tokenizer


@pytest.mark.parametrize("block", [0, 1, 2])
def test_tail_of_head_is_the_model_bit_for_bit(block):
    tokenizer = build_tokenizer()
    hf = build_model(len(tokenizer))
    model = split(hf, tokenizer, f"blocks.{block}.hook_resid_post")
    ids = torch.randint(0, 300, (3, 11))
    with torch.inference_mode():
        whole = hf(ids).logits
        halves = model.logits(model.run_tail(model.run_head(ids)))
    assert torch.equal(whole, halves)


def test_the_model_itself_is_left_as_it_was():
    tokenizer = build_tokenizer()
    hf = build_model(len(tokenizer))
    model = split(hf, tokenizer, "blocks.1.hook_resid_post")
    assert hf.config.num_hidden_layers == len(hf.model.layers) == 4
    assert isinstance(hf.model.norm, type(model.norm))
    parts = (model.head, model.body, model.last)
    assert [part.config.num_hidden_layers for part in parts] == [2, 1, 1]
    assert [*model.head.layers, *model.tail_blocks] == [*hf.model.layers]


def test_a_model_that_is_split_attends_by_the_kernel_that_knows_batches():
    tokenizer = build_tokenizer()
    hf = build_model(len(tokenizer))
    hf.set_attn_implementation("sdpa")
    plain = build_model(len(tokenizer))
    model = split(hf, tokenizer, "blocks.1.hook_resid_post")
    assert {part.config._attn_implementation for part in (model.head, model.body, model.last)} == {
        GROUPED
    }
    ids = torch.randint(0, 300, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = model.logits(model.run_tail(model.run_head(ids)))
        torch.testing.assert_close(logits, plain(ids).logits, atol=1e-5, rtol=1e-4)


def batch_of(rows, step=16):
    return Batch.of(Plan.whole(rows), torch.arange(rows.n_rows), torch.device("cpu"), step)


READ = [[8, 0, 3], [2, 7]]
TWO_ROWS = Rows.of(
    [
        Packed(
            list(range(5 + n, 14 + n)),
            [PREFIX] * 4 + [0] * 2 + [1] * 3,
            read,
            [0] * len(read),
            [0] * len(read),
            [1.0] * len(read),
        )
        for n, read in enumerate(READ)
    ]
)


def test_reading_some_positions_is_reading_all_and_taking_those():
    tokenizer = build_tokenizer()
    model = split(build_model(len(tokenizer)), tokenizer, "blocks.1.hook_resid_post")
    batch = batch_of(TWO_ROWS)
    with torch.inference_mode():
        resid = model.run_head(TWO_ROWS.ids[batch.token].long(), batch.layout, batch.position)
        every = model.run_tail(resid, batch.layout, batch.position)
        some = model.read_tail(resid, batch)
    assert some.shape == (16, model.d_model)
    places = [9 * row + at for row, read in enumerate(READ) for at in sorted(read)]
    assert batch.n_read == len(places)
    torch.testing.assert_close(some[: len(places)], every[0, places])


def test_tokens_keys_take_as_much_memory_as_is_reckoned():
    tokenizer = build_tokenizer()
    model = split(build_model(len(tokenizer)), tokenizer, "blocks.1.hook_resid_post")
    batch, keeping, room = batch_of(TWO_ROWS), Joining(keep=True), Room(10_000)
    with torch.inference_mode():
        model.read_tail(torch.randn(1, batch.token.shape[1], model.d_model), batch, keeping)
    keys = KeyValues(TWO_ROWS.n_tokens, room)
    keys.put(batch.tokens, torch.arange(batch.n), keeping.own)
    n_blocks, kv_heads, d_head, bytes_each = 2, 2, 8, 4
    assert keys.fit
    assert room.left == 10_000 - 18 * n_blocks * 2 * kv_heads * d_head * bytes_each


def test_a_model_whose_parts_do_not_give_what_it_gives_is_refused():
    tokenizer = build_tokenizer()
    hf = build_model(len(tokenizer))

    def double(module, given, out):
        out.logits = 2 * out.logits

    hf.register_forward_hook(double)
    with pytest.raises(BadSetup, match=r"its parts differ from the whole by \d+\.\d%"):
        split(hf, tokenizer, "blocks.1.hook_resid_post")


@pytest.mark.parametrize("version", [1, 2])
def test_gemma_under_a_tree_mask_is_the_whole_model_on_each_branch(version):
    """Gemma 2 caps its attention logits: by itself it runs without sdpa."""
    tokenizer = build_tokenizer()
    hf, plain = (gemma_model(len(tokenizer), version, n_blocks=4, d_model=32) for _ in range(2))
    assert plain.config._attn_implementation == ("sdpa" if version == 1 else "eager")
    model = split(hf, tokenizer, "blocks.1.hook_resid_post")
    prefix, branches = [5, 6, 7, 8, 9], [[10, 11], [12, 13, 14]]
    branch = [PREFIX] * 5 + [0] * 2 + [1] * 3
    ids = prefix + branches[0] + branches[1]
    batch = batch_of(Rows.of([Packed(ids, branch, [], [], [], [])]))
    with torch.inference_mode():
        resid = model.run_head(torch.tensor(ids)[batch.token], batch.layout, batch.position)
        packed = model.logits(model.run_tail(resid, batch.layout, batch.position))[0]
        for mine, rows in zip(branches, ([5, 6], [7, 8, 9]), strict=True):
            alone = plain(torch.tensor([prefix + mine])).logits[0]
            torch.testing.assert_close(packed[[*range(5), *rows]], alone, atol=1e-5, rtol=1e-4)


def test_resid_pre_is_the_block_before():
    assert block_of("blocks.9.hook_resid_pre") == 8
    assert block_of("blocks.9.hook_resid_post") == 9


@pytest.mark.parametrize(
    "hook",
    ["blocks.3.hook_mlp_out", "blocks.0.hook_resid_pre", "hook_embed", "blocks.x.hook_resid_post"],
)
def test_a_hook_inside_a_block_is_refused(hook):
    with pytest.raises(BadSetup, match="cannot be split"):
        block_of(hook)


def test_a_hook_outside_the_model_is_refused():
    tokenizer = build_tokenizer()
    with pytest.raises(BadSetup, match="4 blocks"):
        split(build_model(len(tokenizer)), tokenizer, "blocks.3.hook_resid_post")
