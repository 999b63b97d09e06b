"""The text around the place where a feature fires strongest."""

import pytest

from backend.reading.examples import top_examples
from backend.reading.snippets import snippets
from tests.backend.reading.test_examples import scanned


def test_it_is_cut_around_the_strongest_token_and_says_where_the_text_goes_on():
    corpora = [scanned([("abcdefgh", {1: 2.0, 4: 7.0, 5: 1.0}), ("other", {0: 3.0})])]
    (found,) = snippets(corpora, [0], before=2, after=1).values()
    assert "".join(found.tokens) == "cdef"
    assert found.values == [0, 0, 7.0, 1.0]
    assert (found.at, found.cut_before, found.cut_after) == (2, True, True)


def test_at_the_ends_of_a_row_nothing_is_cut_and_nothing_of_another_row_is_shown():
    corpora = [scanned([("abc", {0: 1.0}), ("defg", {0: 9.0})])]
    (found,) = snippets(corpora, [0], before=5, after=9).values()
    assert "".join(found.tokens) == "defg"
    assert (found.at, found.cut_before, found.cut_after) == (0, False, False)


def test_a_feature_that_never_fires_has_none():
    assert snippets([scanned([("abc", {0: 1.0})])], [0, 1]).keys() == {0}


def test_over_both_corpora_it_is_the_first_top_example(toy):
    found = snippets(toy.atlas.corpora, range(toy.d_sae))
    for feature in range(toy.d_sae):
        top = top_examples(toy.atlas.corpora, feature, 1)
        assert (feature in found) == bool(top)
        if top:
            mine, (example,) = found[feature], top
            assert mine.values[mine.at] == pytest.approx(example.values[example.at])
            assert mine.tokens[mine.at] == example.tokens[example.at]
            assert "".join(mine.tokens) in "".join(example.tokens)
