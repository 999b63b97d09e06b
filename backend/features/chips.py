"""Words to start a search from, taken from what an SAE's features are about. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from backend.features.search import words_in

MOST = 10
FEWEST_LETTERS = 4
"""Shorter words are seldom about something."""
OFTEN = 2
"""Features whose label must have a word for it to be offered."""
MOST_ENDINGS = 2
"""Letters by which two words may differ at the end and still be one ("cell", "cells")."""
EMPTY = frozenset(
    """about adjective adjectives adverb adverbs after again all along also among another any are
    around back because been before begin beginning begins being between both but called can capital
    clause common comma containing could different does down each either ending endings even
    every example examples few first fires followed following for from general great had half has
    have her here him his how however into its itself just kind known last letter letters like list
    little made mainly make many may mixed more most much must name named names near new next noun
    nouns number numbers of often one only opening other others out over own part particular parts
    phrase phrases piece pieces place plural preposition prepositions rare same second see seen
    several she should singular small some start starts such suffix syllable technical term terms
    text texts than that the their them then there these they thing things this those three
    through time token tokens two under until upon use used uses using various verb verbs very
    was way weak weakly well were what when where which while who whose will with within without
    word words would year years you your sentence sentences related
    """.split()  # noqa: SIM905  (a list of two hundred strings would not be read)
)
"""Words that say nothing of what a feature is about, those of linguistics in labels among them."""


def chips(table: pd.DataFrame, finds: Callable[[str], bool], most: int = MOST) -> list[str]:
    """The most frequent meaningful words of the labels, most frequent first, then by the alphabet.

    Labels of features that tell forget text from retain text (positive selectivity, on a forget
    question) count, where there are such. Where labels give too few, the words the features fire on
    follow. `table` is the atlas's; a word for which `finds` is false is never offered.
    """
    to_forget = table[(table["selectivity"] > 0) & (table["fires_forget"] > 0)]
    offered: list[str] = []
    for rows in (to_forget, table):
        labels = Counter(word for label in rows["label"] for word in _meaningful([label]))
        fired = Counter(word for words in rows["top_words"] for word in _meaningful(words))
        for counts, least in ((labels, OFTEN), (fired, 1)):
            _add(offered, counts, least, finds, most)
    return offered


def _add(
    offered: list[str],
    counts: Counter[str],
    least: int,
    finds: Callable[[str], bool],
    most: int,
) -> None:
    for word, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if len(offered) >= most or n < least:
            return
        if not any(_alike(word, other) for other in offered) and finds(word):
            offered.append(word)


def _meaningful(texts: Iterable[str]) -> set[str]:
    return {
        word
        for text in texts
        for word in words_in(text)
        if len(word) >= FEWEST_LETTERS and word.isalpha() and word not in EMPTY
    }


def _alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and len(long) - len(short) <= MOST_ENDINGS


def finder(search: Callable[[str], Sequence[object]]) -> Callable[[str], bool]:
    """Whether a search for a word finds anything."""
    return lambda word: len(search(word)) > 0
