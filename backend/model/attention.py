"""Attention over packed rows: how they lie, who sees whom, and keys and values kept between calls.

Tokens of all rows of a batch lie one after the other, so that norms and matrix products see no
padding; attention alone takes the rows side by side, in tiles. What a token attends to stands in
the same order, at multiples of the same lengths, whatever else is in the batch: with matrix
products of which each row is summed in one order, its bits are its own (backend.model.invariance).

The kernel is backend.model.kernel. Everything here works on any decoder of transformers whose
attention modules ask transformers' attention interface, pass on what else they are given, and hand
their keys and values to a cache's `update`; no architecture is named.
"""

import math
from dataclasses import dataclass, field
from typing import Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.questions import PREFIX

STEP = 16
"""Rows and columns of a tile come in multiples of this: a product of fewer rows takes another
kernel, which sums in another order.
"""


@dataclass(frozen=True)
class Sight:
    """Who sees whom."""

    seen: Bool[Tensor, "row q k"]
    distance: Int[Tensor, "row q k"]
    """Position of the query less that of the key; a sliding window counts in it."""

    @classmethod
    def tree(
        cls,
        token: tuple[Int[Tensor, "row q"], Int[Tensor, "row k"]],
        branch: tuple[Int[Tensor, "row q"], Int[Tensor, "row k"]],
        position: tuple[Int[Tensor, "row q"], Int[Tensor, "row k"]],
        there: Bool[Tensor, "row k"],
    ) -> "Sight":
        """Each token sees the earlier ones of the prefix and of its own branch that are `there`.
        Each pair is of queries and of keys.
        """

        def against(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            return pair[0][:, :, None], pair[1][:, None, :]

        (query, key), (mine, theirs) = against(token), against(branch)
        of_query, of_key = against(position)
        near = (theirs == PREFIX) | (theirs == mine)
        return cls((key <= query) & near & there[:, None, :], of_query - of_key)

    @classmethod
    def causal(cls, rows: int, n: int, device: torch.device, n_cached: int = 0) -> "Sight":
        """Everybody sees all earlier tokens. The first n_cached of n are keys only."""
        position = torch.arange(n, device=device)
        distance = (position[n_cached:, None] - position).expand(rows, n - n_cached, n)
        return cls(distance >= 0, distance)

    def mask(self, window: int | None, dtype: torch.dtype) -> Float[Tensor, "row 1 q k"]:
        """What is added to the scores."""
        seen = self.seen if window is None else self.seen & (self.distance < window)
        mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        return mask.masked_fill_(~seen, torch.finfo(dtype).min).unsqueeze(1)


@dataclass(frozen=True)
class Tile:
    """Some rows side by side."""

    query: Int[Tensor, "row q"]
    """Places among the tokens that run; any on padding."""
    key: Int[Tensor, "row k"]
    """Places among the keys that a cache gives back; any where there is none."""
    sight: Sight
    _masks: dict[tuple[int | None, torch.dtype], Tensor] = field(default_factory=dict)

    def mask(self, window: int | None, dtype: torch.dtype) -> Float[Tensor, "row 1 q k"]:
        if (window, dtype) not in self._masks:
            self._masks[window, dtype] = self.sight.mask(window, dtype)
        return self._masks[window, dtype]


@dataclass(frozen=True)
class Layout:
    """How tokens that lie one after the other stand in rows, for attention."""

    tiles: tuple[Tile, ...]
    back: Int[Tensor, " n"]
    """For each token its place among the queries of all tiles, flat; any on padding."""

    @classmethod
    def causal(cls, rows: int, n: int, device: torch.device, n_cached: int = 0) -> "Layout":
        """Rows of text of n tokens each; the first n_cached are keys only (of one row)."""
        query = torch.arange(rows * (n - n_cached), device=device)
        key = torch.arange(rows * n, device=device)
        sight = Sight.causal(rows, n, device, n_cached)
        return cls((Tile(query.view(rows, -1), key.view(rows, -1), sight),), query)


Pair = tuple[Float[Tensor, "row kv_head k d_head"], Float[Tensor, "row kv_head k d_head"]]
"""Keys and values of one block."""
Pairs = dict[int, Pair]
"""Layer -> its keys and values."""


@dataclass
class Room:
    """Bytes that several may take from."""

    left: float = math.inf


class KeyValues:
    """Keys and values of the tokens of a stream at every block of the tail, without a clamp: kept
    as they are computed, where there is room for all of them.
    """

    def __init__(self, n_tokens: int, room: Room | None = None):
        self.have = torch.zeros(n_tokens, dtype=torch.bool)
        """Whose are here."""
        self.fit = True
        """Whether there is room; not known before the first are put."""
        self._room = room or Room()
        self._step = 0
        self._by_layer: dict[int, Float[Tensor, "token two kv_head d_head"]] = {}

    def put(self, tokens: Int[Tensor, " n"], places: Int[Tensor, " n"], pairs: Pairs) -> None:
        """Keep those of tokens of the stream; `places` are theirs in the batch."""
        if not self._by_layer:
            each = sum(
                t[0, :, 0].numel() * t.element_size() for pair in pairs.values() for t in pair
            )
            self.fit = each * len(self.have) <= self._room.left
            self._room.left -= each * len(self.have) if self.fit else 0
        if not self.fit:
            return
        for layer, pair in pairs.items():
            at = places.to(pair[0].device)
            # (kv_head, n, d) twice -> (n, two, kv_head, d)
            mine = torch.stack([whole[0, :, at] for whole in pair]).permute(2, 0, 1, 3)
            if layer not in self._by_layer:
                self._by_layer[layer] = mine.new_empty(len(self.have), *mine.shape[1:])
            self._by_layer[layer][tokens.to(at.device)] = mine
        self.have[tokens] = True

    def of(self, layer: int, tokens: Int[Tensor, " n"]) -> Pair:
        """Keys and values, each (1 kv_head n d_head)."""
        # (n, two, kv_head, d) -> (two, kv_head, n, d)
        key, value = self._by_layer[layer][tokens].permute(1, 2, 0, 3)
        return key[None], value[None]

    def of_step(self, step: int) -> "KeyValues":
        """These, emptied if they were computed in batches of other multiples."""
        if step != self._step:
            self._step = step
            self.have.zero_()
        return self


class Cache(Protocol):
    """What stands where transformers expects a cache.

    A block hands it its own keys and values, and attends to those it gives back.
    """

    def update(self, key: Tensor, value: Tensor, layer: int, *_: object, **__: object) -> Pair: ...


@dataclass
class Joining:
    """A cache in which the keys of `context` come after a block's own."""

    cached: KeyValues | None = None
    context: Int[Tensor, " n"] | None = None
    keep: bool = False
    own: Pairs = field(default_factory=dict)
    """With `keep`, the keys and values each block computed itself."""

    def update(self, key: Tensor, value: Tensor, layer: int, *_: object, **__: object) -> Pair:
        if self.keep:
            self.own[layer] = key, value
        if self.cached is None or self.context is None or not len(self.context):
            return key, value
        known = self.cached.of(layer, self.context)
        return torch.cat([key, known[0]], 2), torch.cat([value, known[1]], 2)


@dataclass
class Growing:
    """Keys and values of one row that is being written: what was seen stays and comes first."""

    seen: Pairs = field(default_factory=dict)

    def update(self, key: Tensor, value: Tensor, layer: int, *_: object, **__: object) -> Pair:
        if layer in self.seen:
            key = torch.cat([self.seen[layer][0], key], 2)
            value = torch.cat([self.seen[layer][1], value], 2)
        self.seen[layer] = key, value
        return key, value


class KeysComputed(Exception):
    """No error: it leaves a block's forward once its keys are computed."""


@dataclass
class LeavingEarly:
    """Lets a block compute its keys and values, and leaves before it attends."""

    within: Cache
    pair: Pair | None = None

    def update(self, key: Tensor, value: Tensor, layer: int, *_: object, **__: object) -> Pair:
        self.pair = self.within.update(key, value, layer)
        raise KeysComputed


@dataclass
class Given:
    """A block attends to these keys and values, not to those of its own input."""

    pair: Pair

    def update(self, *_: object, **__: object) -> Pair:
        return self.pair
