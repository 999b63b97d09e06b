"""Words and counts of features, by hand."""

from backend.features import measures as F


def test_words_are_whole():
    text = "The mitochondrion, small."
    assert F.word_at(text, (4, 8)) == "mitochondrion"
    assert F.word_at(text, (17, 18)) == ""
