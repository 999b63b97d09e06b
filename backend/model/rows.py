"""Rows of tokens with branches, and which of them are to be run.

A row is a question or a piece of text: a prefix, and branches that see the prefix and themselves.
All rows lie in one stream of tokens; what is known of a token is indexed by its place there.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.questions import PREFIX, Packed, branch_positions


@dataclass(frozen=True)
class Ragged:
    """Some numbers for each row: row r has values[start[r] : start[r + 1]], ascending."""

    values: Int[Tensor, " n"]
    start: Int[Tensor, " row_plus_1"]

    def lengths(self) -> Int[Tensor, " row"]:
        return self.start.diff()

    def padded(
        self, chosen: Int[Tensor, " row"], step: int = 1
    ) -> tuple[Int[Tensor, "row most"], Bool[Tensor, "row most"]]:
        """The values of the chosen rows, in columns of a multiple of `step`; and which are real.

        A row's padding repeats its last value (anything, if it has none).
        """
        lengths = self.lengths()[chosen, None]  # (row, 1)
        most = int(lengths.max()) if len(self.values) else 0
        column = torch.arange(-(-most // step) * step)
        place = self.start[chosen, None] + column.minimum(lengths - 1)  # (row, most)
        return self.values[place.clamp(min=0)], column < lengths

    def flat(self, chosen: Int[Tensor, " row"]) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
        """The values of the chosen rows one after the other, and each one's row as its place in
        `chosen`.
        """
        values, real = self.padded(chosen)
        return values[real], real.nonzero()[:, 0]

    def rank(self, n: int) -> Int[Tensor, " n"]:
        """For each of the numbers 0 to n - 1, its place in its row.

        Meaningless for one that is in no row.
        """
        begin = torch.repeat_interleave(self.start[:-1], self.lengths())  # (row) -> (value)
        out = torch.zeros(n, dtype=torch.int64)
        out[self.values] = torch.arange(len(self.values)) - begin
        return out


@dataclass(frozen=True)
class Rows:
    """Packed rows as one stream of tokens; row r owns start[r] .. start[r + 1]."""

    ids: Int[Tensor, " token"]
    branch: Int[Tensor, " token"]
    position: Int[Tensor, " token"]
    start: Int[Tensor, " row_plus_1"]
    score_pos: Int[Tensor, " entry"]
    """Position within its row."""
    score_token: Int[Tensor, " entry"]
    score_choice: Int[Tensor, " entry"]
    score_weight: Float[Tensor, " entry"]
    score_start: Int[Tensor, " row_plus_1"]

    @property
    def n_rows(self) -> int:
        return len(self.start) - 1

    @property
    def n_tokens(self) -> int:
        return len(self.ids)

    def row_of_token(self) -> Int[Tensor, " token"]:
        return torch.repeat_interleave(torch.arange(self.n_rows), self.start.diff())

    def row_of_entry(self) -> Int[Tensor, " entry"]:
        return torch.repeat_interleave(torch.arange(self.n_rows), self.score_start.diff())

    def read_at(self) -> Int[Tensor, " entry"]:
        """The token of the stream whose prediction each entry reads."""
        return torch.repeat_interleave(self.start[:-1], self.score_start.diff()) + self.score_pos

    @cached_property
    def rows_with(self) -> Int[Tensor, " token"]:
        """For each token, in how many rows its id stands."""
        ids, place = torch.unique(self.ids, return_inverse=True)
        once = torch.unique(self.row_of_token() * len(ids) + place) % max(len(ids), 1)
        return torch.bincount(once, minlength=len(ids))[place]

    def entries(self) -> "Ragged":
        return Ragged(torch.arange(len(self.score_pos)), self.score_start)

    @classmethod
    def of(cls, packed: Sequence[Packed]) -> "Rows":
        def stream(lists: Iterator[list], dtype: torch.dtype = torch.int32) -> Tensor:
            return torch.tensor([value for values in lists for value in values], dtype=dtype)

        def starts(sizes: Iterator[int]) -> Tensor:
            return torch.tensor([0, *sizes], dtype=torch.int64).cumsum(0)

        return cls(
            ids=stream(p.ids for p in packed),
            branch=stream(p.branch for p in packed),
            position=stream(branch_positions(p.branch) for p in packed),
            start=starts(len(p.ids) for p in packed),
            score_pos=stream(p.score_pos for p in packed),
            score_token=stream(p.score_token for p in packed),
            score_choice=stream(p.score_choice for p in packed),
            score_weight=stream((p.score_weight for p in packed), torch.float32),
            score_start=starts(len(p.score_pos) for p in packed),
        )

    def packed(self) -> list[Packed]:
        """What `of` was given."""
        tokens, scores = self.start.tolist(), self.score_start.tolist()
        streams = [self.ids, self.branch]
        entries = [self.score_pos, self.score_token, self.score_choice, self.score_weight]
        of_tokens, of_entries = ([s.tolist() for s in part] for part in (streams, entries))
        return [
            Packed(
                *(values[tokens[row] : tokens[row + 1]] for values in of_tokens),
                *(values[scores[row] : scores[row + 1]] for values in of_entries),
            )
            for row in range(self.n_rows)
        ]

    @classmethod
    def of_text(cls, rows: Sequence[list[int]]) -> "Rows":
        """Plain rows of text: no branches, nothing scored."""
        return cls.of([Packed(ids, [PREFIX] * len(ids), [], [], [], []) for ids in rows])

    def tensors(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Plan:
    """Which tokens run through the tail, and what is read there."""

    rows: Rows
    query: Ragged
    """Tokens to run."""
    context: Ragged
    """Tokens they see whose keys are cached."""
    entries: Ragged
    """Score entries to read; each at a query token."""
    read: Ragged
    """Tokens those are read at."""
    slot: Int[Tensor, " token"]
    """Place of a read token among its row's."""

    @classmethod
    def of(
        cls,
        rows: Rows,
        query: Bool[Tensor, " token"],
        context: Bool[Tensor, " token"],
        entries: Bool[Tensor, " entry"],
    ) -> "Plan":
        def ragged(mask: Tensor, start: Tensor) -> Ragged:
            values = mask.nonzero().squeeze(-1)
            return Ragged(values, torch.searchsorted(values, start))

        read = torch.zeros(rows.n_tokens, dtype=torch.bool)
        read[rows.read_at()[entries]] = True
        reads = ragged(read, rows.start)
        return cls(
            rows,
            ragged(query, rows.start),
            ragged(context, rows.start),
            ragged(entries, rows.score_start),
            reads,
            slot=reads.rank(rows.n_tokens),
        )

    @classmethod
    def whole(cls, rows: Rows) -> "Plan":
        """Every token, every score."""
        every = torch.ones(rows.n_tokens, dtype=torch.bool)
        none = torch.zeros(rows.n_tokens, dtype=torch.bool)
        return cls.of(rows, every, none, torch.ones(len(rows.score_pos), dtype=torch.bool))

    def batches(
        self, chosen: Int[Tensor, " n"], budget: int, seed: int = 0
    ) -> list[Int[Tensor, " row"]]:
        """The chosen rows in batches, in a fixed shuffled order: those that have run are a random
        sample of all at any time.

        A batch has at most `budget` query tokens, and one row at least.
        """
        order = chosen.tolist()
        random.Random(seed).shuffle(order)
        ends, held = [0], 0
        lengths = self.query.lengths().tolist()
        for place, row in enumerate(order):
            if held + lengths[row] > budget and place > ends[-1]:
                ends.append(place)
                held = 0
            held += lengths[row]
        sizes = torch.tensor([*ends, len(order)]).diff().tolist()
        return [part for part in torch.tensor(order, dtype=torch.int64).split(sizes) if len(part)]
