"""What is known of each feature: how often it fires on which corpus, on what text, and what it
promotes.
"""

from collections.abc import Sequence

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.corpora import Corpus
from backend.data.questions import QuestionSets
from backend.evaluation.recordings import Recording
from backend.model.activations import FeatureActs

TOP_ACTS = 50
"""Strongest activations a feature's top words are taken from."""


def word_at(text: str, span: tuple[int, int]) -> str:
    """The whole word the token stands in, lower case; empty for punctuation and space."""
    a, b = span
    if not any(c.isalnum() for c in text[a:b]):
        return ""
    while not text[a].isalnum():
        a += 1
    while a > 0 and text[a - 1].isalnum():
        a -= 1
    while b < len(text) and text[b - 1].isalnum() and text[b].isalnum():
        b += 1
    return text[a:b].rstrip(" \n\t.,;:!?\"'()[]-–—").lower()


class WordsOf:
    """`word_at` for tokens of a corpus's stream; each token is looked at once, when it is first
    asked for.
    """

    def __init__(self, corpus: Corpus, start: Int[Tensor, " row_plus_1"]):
        self._corpus, self._start = corpus, start
        self._words: dict[int, str] = {}

    def __call__(self, tokens: Int[Tensor, " n"]) -> list[str]:
        rows = (torch.searchsorted(self._start, tokens, right=True) - 1).tolist()
        return [self._word(token, row) for token, row in zip(tokens.tolist(), rows, strict=True)]

    def _word(self, token: int, row: int) -> str:
        if token not in self._words:
            self._words[token] = word_at(
                self._corpus.texts[row], self._corpus.spans[row][token - int(self._start[row])]
            )
        return self._words[token]


def top_words(
    scanned: Sequence[tuple[WordsOf, FeatureActs]], feature: int, limit: int = 8
) -> list[str]:
    """Words in which the feature fires strongest over the corpora, strongest first, without
    repeats.

    Taken from the TOP_ACTS strongest activations of each corpus.
    """
    hits: list[tuple[float, str]] = []
    for words, acts in scanned:
        tokens, values = acts.of(feature)
        if len(values) > TOP_ACTS:
            values, best = torch.topk(values, TOP_ACTS)
            tokens = tokens[best]
        if len(tokens):
            hits += zip(values.tolist(), words(tokens), strict=True)
    hits.sort(key=lambda hit: -hit[0])
    return list(dict.fromkeys(word for _, word in hits if word))[:limit]


def selectivity(
    forget_counts: Tensor, retain_counts: Tensor, n_forget: int, n_retain: int
) -> Tensor:
    """log2 of forget density over retain density, half a token added to each count so that it is
    finite.
    """
    return torch.log2(
        ((forget_counts + 0.5) / (n_forget + 1)) / ((retain_counts + 0.5) / (n_retain + 1))
    )


def questions_per_set(
    recording: Recording, sets: QuestionSets, only: Bool[Tensor, " question"] | None = None
) -> Int[Tensor, "d_sae n_sets"]:
    """On how many questions of each set a feature fires at a position that can change the answer.

    `only` counts some of them.
    """
    acts, n_questions, n_sets = recording.acts, recording.rows.n_rows, len(sets)
    # Both (entry): the feature and the question of each activation.
    feature = torch.repeat_interleave(torch.arange(acts.d_sae), acts.counts())
    question = recording.rows.row_of_token()[acts.token.long()]
    pairs = torch.unique(feature * n_questions + question)
    if only is not None:
        pairs = pairs[only[pairs % n_questions]]
    cell = (pairs // n_questions) * n_sets + sets.set_of[pairs % n_questions]
    # (d_sae * n_sets) -> (d_sae, n_sets)
    return torch.bincount(cell, minlength=acts.d_sae * n_sets).view(acts.d_sae, n_sets)


HISTOGRAM_BARS = 24


def histogram(values: Float[Tensor, " n"], low: float = 0.0) -> pd.DataFrame:
    """Values from `low` to the largest in equal bars: from, to, tokens."""
    if len(values) == 0:
        return pd.DataFrame({"from": [], "to": [], "tokens": []})
    top = float(values.max())
    counts = torch.histc(values.float(), HISTOGRAM_BARS, low, top)
    width = (top - low) / HISTOGRAM_BARS
    return pd.DataFrame(
        {
            "from": [low + i * width for i in range(HISTOGRAM_BARS)],
            "to": [low + (i + 1) * width for i in range(HISTOGRAM_BARS)],
            "tokens": counts.int().tolist(),
        }
    )
