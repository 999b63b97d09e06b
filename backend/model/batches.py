"""Rows of a plan that run together: their tokens one after the other, and the tiles in which they
attend.

A token's place in a batch, what else is in it and how long the others are must not matter to its
bits: see backend.model.attention and backend.model.invariance.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.questions import PREFIX
from backend.model.attention import STEP, Layout, Sight, Tile
from backend.model.rows import Plan, Ragged

LOOSE = 2.0
"""A row whose own queries times keys are fewer than its tile's by this factor begins another."""


def stepped(n: int, step: int) -> int:
    """The least multiple of `step` that holds n, at least one."""
    return max(-(-n // step), 1) * step


@dataclass(frozen=True)
class Batch:
    """Some rows of a plan; indices into the stream on the CPU, the rest on the model's device."""

    rows: Int[Tensor, " row"]
    lengths: Int[Tensor, " row"]
    """How many tokens of each run."""
    tokens: Int[Tensor, " real"]
    """Those that run, as indices into the stream: row after row."""
    token: Int[Tensor, "1 n"]
    """The same with padding, which repeats one of them."""
    position: Int[Tensor, "1 n"]
    context: Int[Tensor, " c"]
    """Tokens they see whose keys are cached."""
    layout: Layout
    read: Int[Tensor, "1 s"]
    """Places of the tokens that are read, with padding: row after row."""
    n_read: int
    read_layout: Layout
    shared: Bool[Tensor, "1 n"]
    """Tokens of the prefix."""

    @property
    def n(self) -> int:
        """Tokens, without padding."""
        return len(self.tokens)

    def in_rows(
        self, values: Float[Tensor, "1 n *any"]
    ) -> tuple[Float[Tensor, "row q *any"], Bool[Tensor, "row q"]]:
        """The tokens' values row by row, and which are real: padding repeats a row's last."""
        begin = self.lengths.cumsum(0) - self.lengths
        column = torch.arange(int(self.lengths.max()))
        place = begin[:, None] + column.minimum(self.lengths[:, None] - 1)  # (row, q)
        real = column < self.lengths[:, None]
        return values[0, place.to(values.device)], real.to(values.device)

    @classmethod
    def of(
        cls, plan: Plan, chosen: Int[Tensor, " row"], device: torch.device, step: int = STEP
    ) -> "Batch":
        """Tokens that run, and those that are read, come in multiples of `step`, which is one of
        STEP.
        """
        rows = plan.rows
        lengths = plan.query.lengths()[chosen]
        longest_first = torch.argsort(
            lengths * (int(rows.start.diff().max()) + 1) + rows.start.diff()[chosen],
            descending=True,
            stable=True,
        )
        chosen, lengths = chosen[longest_first], lengths[longest_first]
        tokens, _ = plan.query.flat(chosen)
        context, _ = plan.context.flat(chosen)
        reads, _ = plan.read.flat(chosen)
        token = _padded(tokens, step)
        read = _padded(reads, step) if len(reads) else reads
        # (token of the stream): where its keys stand; -1 for those that are not there.
        place = torch.full((rows.n_tokens,), -1)
        place[context] = len(token) + torch.arange(len(context))
        place[tokens] = torch.arange(len(tokens))
        groups = list(_alike(lengths, rows.start.diff()[chosen]))

        def layout(query: Ragged, n: int) -> Layout:
            return _layout(plan, query, n, [chosen[g] for g in groups], place, device)

        return cls(
            rows=chosen,
            lengths=lengths,
            tokens=tokens,
            token=token[None],
            position=rows.position[token].long()[None].to(device),
            context=context.to(device),
            layout=layout(plan.query, len(token)),
            read=place[read][None].to(device),
            n_read=len(reads),
            read_layout=layout(plan.read, len(read)),
            shared=(rows.branch[token] == PREFIX)[None].to(device),
        )


def _padded(values: Int[Tensor, " n"], step: int) -> Int[Tensor, " padded"]:
    return torch.cat([values, values[:1].expand(stepped(len(values), step) - len(values))])


def _alike(lengths: Int[Tensor, " row"], keys: Int[Tensor, " row"]) -> Iterator[slice]:
    """Rows that stand in one tile; they come with the longest first."""
    padded = zip(lengths.tolist(), keys.tolist(), strict=True)
    areas = [stepped(q, STEP) * stepped(k, STEP) for q, k in padded]
    begin = 0
    for end in range(1, len(areas) + 1):
        if end == len(areas) or areas[end] * LOOSE < areas[begin]:
            yield slice(begin, end)
            begin = end


def _layout(
    plan: Plan,
    query: Ragged,
    n: int,
    groups: list[Tensor],
    place: Int[Tensor, " token"],
    device: torch.device,
) -> Layout:
    """Of n tokens, the queries of all groups one after the other and some padding."""
    rows, tiles, back = plan.rows, [], []
    first = passed = 0
    for chosen in groups:
        token, real = query.padded(chosen, STEP)  # both (row, q)
        column = torch.arange(stepped(int(rows.start.diff()[chosen].max()), STEP))
        key = rows.start[chosen, None] + column  # (row, k)
        there = key < rows.start[chosen + 1, None]
        key = torch.where(there, key, rows.start[chosen, None])
        there &= place[key] >= 0
        sight = Sight.tree(
            (token.to(device), key.to(device)),
            (rows.branch[token].to(device), rows.branch[key].to(device)),
            (rows.position[token].to(device), rows.position[key].to(device)),
            there.to(device),
        )
        begin = first + real.sum(1).cumsum(0) - real.sum(1)  # (row)
        own = begin[:, None] + torch.arange(token.shape[1])
        tiles.append(
            Tile(
                torch.where(real, own, 0).to(device),
                torch.where(there, place[key], 0).to(device),
                sight,
            )
        )
        back.append(passed + real.flatten().nonzero().squeeze(-1))
        first += int(real.sum())
        passed += real.numel()
    at = torch.cat(back)
    return Layout(tuple(tiles), torch.cat([at, at[:1].expand(n - len(at))]).to(device))
