"""Lines that fit, by the widths of the font that draws them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from backend.sharing.lettering import ELLIPSIS, one_line, shortened, width, wrapped

FONTS = Path("/usr/share/fonts/truetype/liberation")


@pytest.mark.parametrize(("bold", "file"), [(False, "Regular"), (True, "Bold")])
def test_widths_are_those_of_the_font_and_never_less(bold, file):
    path = FONTS / f"LiberationSans-{file}.ttf"
    if not path.exists():
        pytest.skip("Liberation Sans is not installed")
    font = ImageFont.truetype(str(path), 1000)
    for c in (chr(code) for code in range(32, 127)):
        assert width(c, 1000, bold) == pytest.approx(font.getlength(c), abs=1)
    for c in "é−→…·×“”ЖЩß№∑":
        assert width(c, 1000, bold) >= font.getlength(c) - 1


@given(st.text(max_size=80), st.integers(60, 400), st.integers(1, 4))
def test_lines_fit_and_hold_the_text_or_end_in_an_ellipsis(text, most, lines):
    found = wrapped(text, 20, most, lines)
    assert len(found) <= lines
    assert all(width(line, 20) <= most for line in found)
    whole = one_line(text).replace(" ", "")
    held = "".join(found).replace(" ", "")
    assert held == whole or (held.endswith(ELLIPSIS) and whole.startswith(held[:-1]))


def test_a_line_ends_with_a_word_and_a_word_too_long_is_broken():
    assert wrapped("one two three", 10, width("one two", 10), 3) == ["one two", "three"]
    assert wrapped("abcdef", 10, width("abc", 10) + 1, 2) == ["abc", "def"]


def test_what_does_not_fit_ends_in_an_ellipsis():
    assert shortened("abcdef", 10, width("abc…", 10)) == "abc…"
    assert shortened("abc", 10, width("abc", 10)) == "abc"


def test_a_line_holds_nothing_that_xml_cannot():
    assert one_line("a\n\x00b\ud800\u2028 c\t") == "a b c"
