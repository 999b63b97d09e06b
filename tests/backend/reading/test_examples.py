"""Repeats are folded; intervals show each text once. On a corpus made by hand."""

import torch

from backend.data.corpora import Corpus
from backend.features.scan import FeatureStats, ScannedCorpus
from backend.model.activations import by_feature
from backend.reading.examples import SAME, intervals, top_examples


def scanned(rows: list[tuple[str, dict[int, float]]]):
    """One letter a token; a row is its text and where feature 0 fires on it, as 1 never does."""
    texts = tuple(text for text, _ in rows)
    start = torch.tensor([0, *(len(t) for t in texts)]).cumsum(0)
    entries = [
        (int(start[r]) + at, value)
        for r, (_, fires) in enumerate(rows)
        for at, value in fires.items()
    ]
    token, value = (torch.tensor(column) for column in zip(*entries, strict=True))
    acts = by_feature([(token.int(), torch.zeros(len(token), dtype=torch.int32), value.float())], 2)
    spans = tuple([(i, i + 1) for i in range(len(t))] for t in texts)
    ids = tuple([ord(c) for c in t] for t in texts)
    stats = FeatureStats(acts.counts(), torch.zeros(2), acts.max_acts())
    corpus = Corpus("forget", "letters", texts, ids, spans)
    n_tokens, whole = int(start[-1]), torch.ones(len(texts), dtype=torch.bool)
    return ScannedCorpus(corpus, start, n_tokens, stats, acts, whole, n_tokens)


def test_the_same_words_in_several_rows_are_shown_once_with_their_number():
    same = "x" * SAME + "A" + "y" * SAME
    rows = [
        ("left " + same, {SAME + 5: 5.0}),
        (same + " right", {SAME: 4.0}),
        ("other", {1: 3.0}),
    ]
    found = top_examples([scanned(rows)], 0, 10)
    assert [(e.max_act, e.copies) for e in found] == [(5.0, 1), (3.0, 0)]


def test_a_row_is_an_example_once_at_its_strongest_token():
    (found,) = top_examples([scanned([("abcdef", {1: 2.0, 4: 7.0, 5: 1.0})])], 0, 10)
    assert found.at == 4
    assert found.values == [0, 2.0, 0, 0, 7.0, 1.0]


def test_intervals_hold_every_activation_and_show_what_the_top_did_not():
    rows = [(f"{i:03d}" + chr(97 + i % 26) * 40, {3: float(i + 1)}) for i in range(100)]
    corpora = [scanned(rows)]
    top = top_examples(corpora, 0, 10)
    found = intervals(corpora, 0, 5, top)
    assert [i.n for i in found] == [20] * 5
    assert [i.high for i in found] == [100, 80, 60, 40, 20]
    shown = ["".join(e.tokens) for i in found for e in i.examples]
    assert len(shown) == len(set(shown)) == 25
    assert not set(shown) & {"".join(e.tokens) for e in top}
    for i in found:
        values = [e.values[e.at] for e in i.examples]
        assert all(i.low < value <= i.high for value in values)
        assert values == sorted(values, reverse=True)
    assert found == intervals(corpora, 0, 5, top)


def test_a_feature_that_never_fires_has_neither():
    corpora = [scanned([("abc", {0: 1.0})])]
    assert top_examples(corpora, 1, 5) == []
    assert intervals(corpora, 1, 5) == []
