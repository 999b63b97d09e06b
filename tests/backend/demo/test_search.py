"""Searching the demo: common words of biology bring a feature that is plainly about them."""

import time

import pytest

from backend.features.finding import Filters, find
from backend.reading.examples import top_examples
from backend.reading.own_text import firing, read_text

pytestmark = pytest.mark.demo
AROUND = 8


def about(demo, feature, *stems):
    """How many of the feature's five strongest examples are about one of the words.

    The word stands near the token the feature fires on most.
    """
    near = (
        "".join(e.tokens[max(0, e.at - AROUND) : e.at + AROUND]).lower()
        for e in top_examples(demo.atlas.corpora, feature, 5)
    )
    return sum(any(stem in text for stem in stems) for text in near)


@pytest.mark.parametrize(
    ("word", "stems"),
    [
        ("virus", ["virus"]),
        ("heart", ["heart"]),
        ("photosynthesis", ["photosynth", "chloro"]),
        ("enzyme", ["enzyme"]),
        ("bone", ["bone"]),
        ("virsu", ["virus"]),
    ],
)
def test_one_of_the_first_five_is_plainly_about_the_word(demo, word, stems):
    first = find(demo.atlas.table, hits=demo.atlas.search(word).hits)["feature"].head(5).tolist()
    assert max(about(demo, feature, *stems) for feature in first) >= 3


def test_a_sentence_about_the_heart_brings_a_feature_of_the_heart(demo):
    read = read_text(demo, "The heart pumps blood through the arteries to every organ of the body.")
    heart = next(i for i, token in enumerate(read.tokens) if token.strip() == "heart")
    first = (
        find(
            demo.atlas.table,
            on_text=firing(read, demo.atlas.table, [heart]),
            filters=Filters(known=True),
        )["feature"]
        .head(5)
        .tolist()
    )
    assert max(about(demo, feature, "heart") for feature in first) >= 3


def test_a_search_answers_within_a_tenth_of_a_second(demo):
    """Of the processor's time, at its best: others may have it in between."""
    demo.atlas.search("virus")
    seconds = []
    for words in ("immune cells", "blood", "heart"):
        start = time.thread_time()
        found = demo.atlas.search(words)
        demo.atlas.why(found, found.hits["feature"].head(200).tolist())
        seconds.append(time.thread_time() - start)
    assert min(seconds) < 0.1
