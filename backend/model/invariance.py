"""Whether a question's bits depend on what else is in its batch, on this machine.

A matrix product sums each of its rows by itself, but which kernel sums it, and so in which order,
may depend on how many there are. Batches are laid out so that it does not (backend.model.attention,
backend.model.batches): on every processor tried here, in float32 and bfloat16, it does not. It is
tried again wherever a model is loaded.
"""

import random
from collections.abc import Iterator

import torch
from torch import Tensor

from backend.data.questions import PREFIX, Packed
from backend.model.attention import Joining, KeyValues
from backend.model.batches import Batch
from backend.model.rows import Plan, Rows
from backend.model.split import SplitModel

LENGTHS = (3, 9, 17, 34, 60, 140)
"""Tokens of the prefixes of the rows that are tried: shorter and longer than a tile's step, and
longer than the chunk in which values are summed.
"""


def rows_do_not_matter(model: SplitModel, step: int) -> bool:
    """Whether rows of random tokens come out the same bits alone, all together, in other company,
    and with keys that were kept.
    """
    rows = Rows.of(list(_drawn(model.hf.config.vocab_size)))
    every, plan = torch.arange(rows.n_rows), Plan.whole(rows)
    generator = torch.Generator().manual_seed(0)
    resid = torch.randn(rows.n_tokens, model.d_model, generator=generator).to(model.dtype)

    def final(plan: Plan, chosen: Tensor, joining: Joining | None = None) -> tuple[Batch, Tensor]:
        batch = Batch.of(plan, chosen, model.device, step)
        given = resid[batch.token].to(model.device)
        return batch, model.read_tail(given, batch, joining or Joining())[: batch.n_read].cpu()

    def by_row(plan: Plan, batch: Batch, out: Tensor) -> dict[int, Tensor]:
        sizes = plan.read.lengths()[batch.rows].tolist()
        return dict(zip(batch.rows.tolist(), out.split(sizes), strict=True))

    with torch.inference_mode():
        keeping = Joining(keep=True)
        batch, out = final(plan, every, keeping)
        whole = by_row(plan, batch, out)
        keys = KeyValues(rows.n_tokens)
        keys.put(batch.tokens, torch.arange(batch.n), keeping.own)
        # The later halves of the rows, with the keys of what comes before.
        lengths = rows.start.diff().tolist()
        late = torch.cat([torch.arange(n) >= (n + 1) // 2 for n in lengths])
        halves = Plan.of(rows, late, ~late, late[rows.read_at()])
        kept = Joining(keys, Batch.of(halves, every, model.device, step).context)
        tried = [
            (plan, every[:1], None),
            (plan, every[3:4], None),
            (plan, every[1::2].flip(0), None),
            (halves, every, kept),
        ]
        for part, chosen, joining in tried:
            for row, got in by_row(part, *final(part, chosen, joining)).items():
                if not torch.equal(got, whole[row][len(whole[row]) - len(got) :]):
                    return False
        return True


def _drawn(vocab: int) -> Iterator[Packed]:
    """A prefix and two branches, the first of one token; read at every token but the prefix's
    first.
    """
    draw = random.Random(0)
    for n in LENGTHS:
        branch = [PREFIX] * n + [0] + [1] * (n // 3)
        ids = [draw.randrange(vocab) for _ in branch]
        read = list(range(1, len(ids)))
        yield Packed(ids, branch, read, [0] * len(read), [0] * len(read), [1.0] * len(read))
