"""The language model, cut at the hook where the SAE reads, and again before its last block.

head = embeddings and blocks 0..l, body = blocks l+1 .. the last but one, last = the last block and
the final norm; body and last make up the tail. All are shallow copies of the transformers base
model that share its weights; only `layers` and the config differ. tail(head(ids)) is bit-identical
to the whole model (tests/backend/model/test_split.py).
"""

import contextlib
import copy
import re
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from backend.data.questions import PREFIX, Packed
from backend.errors import BadSetup
from backend.model.attention import (
    Cache,
    Given,
    Growing,
    Joining,
    KeysComputed,
    Layout,
    LeavingEarly,
    Pair,
)
from backend.model.batches import Batch
from backend.model.kernel import GROUPED
from backend.model.rows import Plan, Rows

PROOF_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""How far the parts may be from the whole, relative: rounding is a tenth of it, a wrong
architecture is near 1.
"""
ATTENDING = {"full_attention", "sliding_attention"}
"""Kinds of layers, as transformers names them, that can be cut apart."""


def block_of(hook_name: str) -> int:
    """The block whose output the hook reads; hook_resid_pre of block l reads that of block l-1.

    Raises BadSetup for hooks inside a block: the model cannot be cut there.
    """
    match = re.fullmatch(r"blocks\.(\d+)\.hook_resid_(pre|post)", hook_name)
    if match is None or match.group(1, 2) == ("0", "pre"):
        raise BadSetup(
            f"The SAE reads '{hook_name}', where the model cannot be split: "
            "only blocks.L.hook_resid_post (or hook_resid_pre of block 1 and later) "
            "can be clamped."
        )
    return int(match.group(1)) - (match.group(2) == "pre")


@dataclass(frozen=True)
class SplitModel:
    """A model cut after one block, and again before its last.

    Holds no state between calls; hooks are never used.
    """

    hf: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    block: int
    head: PreTrainedModel
    """Blocks 0..block."""
    body: PreTrainedModel | None
    """Blocks block+1 .. the last but one; None where there is none."""
    last: PreTrainedModel
    """The last block and the final norm."""

    @property
    def device(self) -> torch.device:
        return self.hf.device

    @property
    def dtype(self) -> torch.dtype:
        return self.hf.dtype

    @property
    def n_blocks(self) -> int:
        return self.hf.config.num_hidden_layers

    @property
    def d_model(self) -> int:
        return self.hf.config.hidden_size

    @property
    def longest(self) -> int | None:
        """How many tokens of a text it reads; None where its configuration does not say."""
        return getattr(self.hf.config, "max_position_embeddings", None)

    @property
    def tail_blocks(self) -> list[nn.Module]:
        return [*(blocks_of(self.body) if self.body else []), *blocks_of(self.last)]

    @property
    def norm(self) -> nn.Module:
        """The final norm."""
        norm = self.last.norm
        assert isinstance(norm, nn.Module)
        return norm

    def _run(
        self,
        part: PreTrainedModel,
        layout: Layout | None,
        position: Int[Tensor, "row pos"] | None,
        past: Cache | None = None,
        **given: Tensor,
    ) -> Float[Tensor, "row pos d_model"]:
        rows, n = next(iter(given.values())).shape[:2]
        layout = Layout.causal(rows, n, self.device) if layout is None else layout
        if position is None:
            position = torch.arange(n, device=self.device).expand(rows, n)
        # The model sees one long row, and takes a mask of four dimensions as it is; who sees whom
        # is told by the layout, which it hands on to the attention kernel.
        out = part(
            attention_mask=torch.empty(1, 1, 1, 1, dtype=self.dtype, device=self.device),
            position_ids=position.reshape(1, -1),
            past_key_values=past,
            use_cache=False,
            layout=layout,
            **{name: value.flatten(0, 1)[None] for name, value in given.items()},
        ).last_hidden_state
        return out[0].unflatten(0, (rows, n))

    def run_head(
        self,
        ids: Int[Tensor, "row pos"],
        layout: Layout | None = None,
        position: Int[Tensor, "row pos"] | None = None,
        growing: Growing | None = None,
    ) -> Float[Tensor, "row pos d_model"]:
        """The residual stream after `block`. Without `layout`, rows are text: attention is causal.
        With one, all tokens are one row.
        """
        return self._run(self.head, layout, position, growing, input_ids=ids)

    def run_tail(
        self,
        resid: Float[Tensor, "row pos d_model"],
        layout: Layout | None = None,
        position: Int[Tensor, "row pos"] | None = None,
        joining: Cache | None = None,
    ) -> Float[Tensor, "row pos d_model"]:
        """What the final norm puts out, ready for `logits`, at every position."""
        joining = Joining() if joining is None else joining
        if self.body is not None:
            resid = self._run(self.body, layout, position, joining, inputs_embeds=resid)
        return self._run(self.last, layout, position, joining, inputs_embeds=resid)

    def read_tail(
        self,
        resid: Float[Tensor, "1 n d_model"],
        batch: Batch,
        joining: Joining | None = None,
    ) -> Float[Tensor, "s d_model"]:
        """The same at the tokens a batch reads, padding included.

        The last block attends and computes there only: its keys come from every token, its queries
        from those read.
        """
        joining = Joining() if joining is None else joining
        if self.body is not None:
            resid = self._run(self.body, batch.layout, batch.position, joining, inputs_embeds=resid)
        pair = Given(self._last_keys(resid, batch.layout, batch.position, joining))
        position, resid = batch.position[:, batch.read[0]], resid[:, batch.read[0]]
        return self._run(self.last, batch.read_layout, position, pair, inputs_embeds=resid)[0]

    def _last_keys(
        self,
        resid: Float[Tensor, "1 n d_model"],
        layout: Layout,
        position: Int[Tensor, "1 n"],
        joining: Cache,
    ) -> Pair:
        """Keys and values of the last block, from what goes into it."""
        leaving = LeavingEarly(joining)
        with contextlib.suppress(KeysComputed):
            self._run(self.last, layout, position, leaving, inputs_embeds=resid)
        if leaving.pair is None:
            raise TypeError("its last block hands no keys and values to a cache")
        return leaving.pair

    def logits(self, final: Float[Tensor, "pos d_model"]) -> Float[Tensor, "pos d_vocab"]:
        """Vocabulary logits in float32, with the model's soft cap where it has one."""
        logits = self.hf.lm_head(final).float()
        cap = getattr(self.hf.config, "final_logit_softcapping", None)
        return logits if cap is None else cap * torch.tanh(logits / cap)


def split(hf: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, hook_name: str) -> SplitModel:
    """Cut the model at the hook; from then on it attends by backend.model.attention's kernel.

    Raises BadSetup if the hook lies outside the model, or the parts do not make up the whole.
    """
    block = block_of(hook_name)
    n_blocks = hf.config.num_hidden_layers
    if block >= n_blocks - 1:
        raise BadSetup(
            f"The SAE reads '{hook_name}', but the model has {n_blocks} blocks: "
            "nothing is left to run after it."
        )
    kind = type(hf).__name__
    base = hf.base_model
    layer_types = set(getattr(hf.config, "layer_types", None) or ())
    attends = layer_types <= ATTENDING
    if not (attends and isinstance(base, PreTrainedModel) and hasattr(base, "layers")):
        raise BadSetup(
            f"A model of the kind {kind} cannot be split exactly: "
            "Clampboard knows decoders whose blocks all attend, fully or in a window."
        )
    try:
        hf.set_attn_implementation(GROUPED)  # the one that reads a layout
    except ValueError as failure:
        raise BadSetup(f"A model of the kind {kind} cannot be split: {failure}") from failure
    head = part_of(base, 0, block + 1, norm=False)
    body = None
    if block < n_blocks - 2:
        body = part_of(base, block + 1, n_blocks - 1, norm=False)
    last = part_of(base, n_blocks - 1, n_blocks, norm=True)
    model = SplitModel(hf, tokenizer, block, head, body, last)
    _prove(model, kind)
    return model


def blocks_of(part: PreTrainedModel) -> list[nn.Module]:
    layers = part.layers
    assert isinstance(layers, nn.ModuleList)
    return list(layers)


def part_of(base: PreTrainedModel, start: int, stop: int, *, norm: bool) -> PreTrainedModel:
    """Blocks start .. stop - 1 of a base model, with its final norm or without; its own modules and
    settings else.
    """
    part = copy.copy(base)
    # copy.copy shares this dict; setting a child would change the model itself.
    part._modules = dict(base._modules)
    part.config = copy.deepcopy(base.config)
    part.config.num_hidden_layers = stop - start
    if getattr(base.config, "layer_types", None):
        part.config.layer_types = base.config.layer_types[start:stop]
    part.layers = nn.ModuleList(blocks_of(base)[start:stop])
    if not norm:
        part.norm = nn.Identity()
    return part


@torch.inference_mode()
def _prove(model: SplitModel, kind: str, third: int = 4) -> None:
    """Refuse an architecture whose parts do not give what the whole gives.

    Compared on random tokens: two branches packed after a shared prefix and the last block read at
    their ends, against each branch as a plain sequence of its own. A position that is not told by
    position_ids, a block that is not made of attention over what the mask shows, logits that are
    scaled: each would make every figure wrong, and shows here as a difference far beyond rounding.
    """
    n = 3 * third
    vocab = model.hf.config.vocab_size
    ids = torch.randint(0, vocab, (n,), generator=torch.Generator().manual_seed(0))
    branch = [PREFIX] * third + [0] * third + [1] * third
    ends = [2 * third - 1, n - 1]
    packed = Packed(ids.tolist(), branch, ends, [0, 0], [0, 1], [1.0, 1.0])
    batch = Batch.of(Plan.whole(Rows.of([packed])), torch.tensor([0]), model.device)
    ids = ids.to(model.device)
    prefix, *branches = ids.split(third)
    plain = torch.stack([torch.cat([prefix, own]) for own in branches])
    try:
        resid = model.run_head(ids[batch.token.to(model.device)], batch.layout, batch.position)
        got = model.logits(model.read_tail(resid, batch)[: batch.n_read])
        wanted = model.hf(input_ids=plain, use_cache=False).logits[:, -1].float()
        error = float((got - wanted).norm() / wanted.norm())
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError, AttributeError) as failure:
        raise BadSetup(
            f"A model of the kind {kind} cannot be split: {failure}. Use another model."
        ) from failure
    if not error < PROOF_TOLERANCE[model.dtype]:
        raise BadSetup(
            f"A model of the kind {kind} cannot be split exactly: "
            f"its parts differ from the whole by {error:.1%}. Use another model."
        )
