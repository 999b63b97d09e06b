"""One line of text for each of many features: where each fires strongest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from backend.data.token_text import token_texts
from backend.features.scan import ScannedCorpus

BEFORE = 9
AFTER = 12
"""Tokens shown on either side of the strongest one."""


@dataclass(frozen=True)
class Snippet:
    """The tokens around the place where a feature fires strongest."""

    corpus: str
    """Its title."""
    tokens: list[str]
    """In exact pieces of the text."""
    values: list[float]
    """The raw activation on each, 0 where the feature does not fire."""
    at: int
    """Index of the strongest token."""
    cut_before: bool
    """Whether the row's text goes on before the first token."""
    cut_after: bool


def snippets(
    scanned: Sequence[ScannedCorpus], features: Iterable[int], before: int = BEFORE, after=AFTER
) -> dict[int, Snippet]:
    """Of each feature that fires in the corpora; the others are left out.

    The place is that of backend.reading.examples.top_examples's first.
    """
    found = ((feature, _snippet(scanned, feature, before, after)) for feature in features)
    return {feature: snippet for feature, snippet in found if snippet is not None}


def _snippet(
    scanned: Sequence[ScannedCorpus], feature: int, before: int, after: int
) -> Snippet | None:
    best: tuple[float, ScannedCorpus, int] | None = None
    for s in scanned:
        token, value = s.acts.of(feature)
        if len(value):
            top = int(value.argmax())
            if best is None or float(value[top]) > best[0]:
                best = float(value[top]), s, int(token[top])
    if best is None:
        return None
    _, s, place = best
    row = int(torch.searchsorted(s.start, place, right=True)) - 1
    row_begin, row_end = int(s.start[row]), int(s.start[row + 1])
    begin, end = max(row_begin, place - before), min(row_end, place + after + 1)
    token, value = s.acts.of(feature)
    inside = (token >= begin) & (token < end)
    values = torch.zeros(end - begin)
    values[token[inside] - begin] = value[inside].float()
    texts = token_texts(s.corpus.texts[row], s.corpus.spans[row])
    return Snippet(
        s.corpus.title,
        texts[begin - row_begin : end - row_begin],
        values.tolist(),
        place - begin,
        begin > row_begin,
        end < row_end,
    )
