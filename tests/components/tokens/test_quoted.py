"""A token by itself: punctuation and what is invisible can be seen."""

import pytest

from components.tokens.quoted import LONGEST, quoted, shown_token


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (",", "“,”"),
        (" heart", "“heart”"),
        ("\n\n", "“↵↵”"),
        ("  ", "“··” (space)"),
        ("\u202e", "“[U+202E]”"),
        ("", "part of a character"),
        ("<b>", "“<b>”"),
    ],
)
def test_it_stands_in_quotation_marks(token, said):
    assert quoted(token) == said


def test_a_long_one_is_shortened():
    assert shown_token("x" * 1000) == "x" * LONGEST + "…"
