"""Text a feature fires on: where it fires strongest, and some of each interval of its activation.

Repeats are folded: of several places with the same tokens around them one is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.data.token_text import token_texts
from backend.features.scan import ScannedCorpus

SAME = 12
"""Two places show the same text when this many tokens on either side of them are the same."""
N_INTERVALS = 5
"""Equal parts of zero to the largest activation, as on Neuronpedia."""
MOST_TRIED = 400
"""Places of an interval looked at for examples; bounds the time where nearly all are repeats."""


@dataclass(frozen=True)
class Example:
    """One row of a corpus, with a feature's activation on each token."""

    corpus: str
    """Its title."""
    tokens: list[str]
    """Joined, they give the row's text."""
    values: list[float]
    """The raw activation on each token, 0 where the feature does not fire."""
    max_act: float
    """The row's largest; `values[at]` is that of the place shown."""
    at: int
    """Index of the token the example is shown for."""
    copies: int
    """Further rows whose strongest place has the same tokens around it.

    Counted for top examples, 0 for others.
    """


def shortened(example: Example, around: int) -> Example:
    """The same with at most so many tokens on either side of the one it is shown for."""
    begin = max(0, example.at - around)
    span = slice(begin, example.at + around + 1)
    return replace(
        example, tokens=example.tokens[span], values=example.values[span], at=example.at - begin
    )


@dataclass(frozen=True)
class Interval:
    """Activations above `low`, up to `high`."""

    low: float
    high: float
    n: int
    """Tokens in it."""
    share: float
    """Of all tokens on which the feature fires."""
    examples: list[Example]
    """Strongest first."""


class Places(NamedTuple):
    """Where a feature fires, strongest first."""

    value: Float[Tensor, " n"]
    """Raw activation."""
    corpus: Int[Tensor, " n"]
    """Its number among those scanned."""
    row: Int[Tensor, " n"]
    position: Int[Tensor, " n"]
    """Within its row."""


def places(scanned: Sequence[ScannedCorpus], feature: int, sampled: bool = False) -> Places:
    """Everywhere that is kept, the strongest places among them.

    `sampled`: only on the rows of which everything is kept, a fair sample.
    """
    columns = []
    for number, s in enumerate(scanned):
        token, value = s.sampled(feature) if sampled else s.acts.of(feature)
        row = s.row_of(token)
        columns.append((value, torch.full_like(token, number), row, token - s.start[row]))
    value, corpus, row, position = (torch.cat(column) for column in zip(*columns, strict=True))
    order = torch.argsort(value, descending=True, stable=True)
    return Places(value[order], corpus[order], row[order], position[order])


def top_examples(scanned: Sequence[ScannedCorpus], feature: int, limit: int) -> list[Example]:
    """The rows on which the feature fires strongest, each once, strongest first."""
    found = places(scanned, feature)
    _, first = np.unique((found.corpus * (1 << 40) + found.row).numpy(), return_index=True)
    copies: dict[tuple, list[int]] = {}
    for i in np.sort(first).tolist():
        copies.setdefault(_around(scanned, *_place(found, i)), []).append(i)
    return [
        _example(scanned, feature, *_place(found, same[0]), len(same) - 1)
        for same in list(copies.values())[:limit]
    ]


def intervals(
    scanned: Sequence[ScannedCorpus], feature: int, limit: int, shown: Sequence[Example] = ()
) -> list[Interval]:
    """Equal intervals of the activation, highest first, with `limit` examples each.

    They are drawn at random, the same ones each time. A row is used once, and not where one of
    `shown` is the same text. Empty for a feature that never fires. Of a corpus too large to keep
    whole, numbers and places are those of its sampled rows.
    """
    found = places(scanned, feature, sampled=True)
    top = max(float(s.stats.max_act[feature]) for s in scanned)
    if not len(found.value):
        return []
    generator = torch.Generator().manual_seed(feature)
    edges = torch.linspace(0, top, N_INTERVALS + 1).tolist()
    bounds = list(zip(edges[:-1], [*edges[1:-1], float("inf")], strict=True))
    used: set[str | tuple[int, ...]] = {"".join(example.tokens) for example in shown}
    out = []
    for low, high in reversed(bounds):
        inside = ((found.value > low) & (found.value <= high)).nonzero().squeeze(-1)
        drawn: list[Example] = []
        for i in inside[torch.randperm(len(inside), generator=generator)][:MOST_TRIED].tolist():
            place = _place(found, i)
            text = scanned[place[0]].corpus.texts[place[1]]
            around = _around(scanned, *place)
            if text in used or around in used:
                continue
            used |= {text, around}
            drawn.append(_example(scanned, feature, *place, 0))
            if len(drawn) == limit:
                break
        drawn.sort(key=lambda e: -e.values[e.at])
        share = len(inside) / len(found.value)
        out.append(Interval(low, min(high, edges[-1]), len(inside), share, drawn))
    return out


def _place(found: Places, i: int) -> tuple[int, int, int]:
    """Corpus, row, position."""
    return int(found.corpus[i]), int(found.row[i]), int(found.position[i])


def _around(
    scanned: Sequence[ScannedCorpus], corpus: int, row: int, position: int
) -> tuple[int, ...]:
    """The ids of the place's token and of SAME on either side."""
    ids = scanned[corpus].corpus.ids[row]
    return tuple(ids[max(0, position - SAME) : position + SAME + 1])


def _example(
    scanned: Sequence[ScannedCorpus],
    feature: int,
    corpus: int,
    row: int,
    position: int,
    copies: int,
) -> Example:
    s = scanned[corpus]
    token, value = s.acts.of(feature)
    begin, end = int(s.start[row]), int(s.start[row + 1])
    mine = (token >= begin) & (token < end)
    values = torch.zeros(end - begin)
    values[token[mine] - begin] = value[mine]
    tokens = token_texts(s.corpus.texts[row], s.corpus.spans[row])
    return Example(s.corpus.title, tokens, values.tolist(), float(values.max()), position, copies)
