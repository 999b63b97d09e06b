"""Token HTML: the exact text, no markup of its own, colour never alone."""

import html
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.charts.palette import HIGHLIGHT
from components.tokens.view import (
    KEPT_INVISIBLE,
    PROMOTES,
    STRONGEST,
    SUPPRESSES,
    Row,
    excerpt,
    opacity,
    pieces,
    ranked_html,
    rows_html,
    token_html,
)

HOSTILE = [
    "<script>alert(1)</script>",
    "$x$",
    ":smile:",
    "_a_",
    "&amp;",
    '" onmouseover="x',
    "مرحبا",
    "🧬",
    "a\nb",
    "x" * 1000,
    "\u202eevil",
    "\ud800",
]


def plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup.split("</style>")[-1]))


def seen(text: str) -> str:
    """Characters that reach the page as themselves."""
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")
    return "".join(
        c for c in text if c in " \n\t" + KEPT_INVISIBLE or unicodedata.category(c) not in hidden
    )


@given(
    st.lists(
        st.tuples(st.text(max_size=20) | st.sampled_from(HOSTILE), st.floats(0, 50)),
        min_size=1,
        max_size=10,
    )
)
def test_text_stays_text(pairs):
    tokens, values = [t for t, _ in pairs], [v for _, v in pairs]
    markup = token_html(tokens, values, 50.0, 0)
    assert plain(markup) == seen("".join(tokens))
    assert set(re.findall(r"</?([a-z]+)", markup)) <= {"span"}
    assert markup.encode("utf-8")


@pytest.mark.parametrize(
    "c", ["\u202e", "\u200b", "\u0007", "\ufeff", "\u00a0", "\u2028", "\ud800", "\r"]
)
def test_what_cannot_be_seen_is_named(c):
    assert f'data-sign="[U+{ord(c):04X}]"' in token_html([f"a{c}b"], [0.0], 1.0)


def test_spaces_and_line_breaks_are_seen():
    assert token_html([" "], [0.0], 1.0).count("tv-sp") == 1  # a token of spaces alone
    # the space belongs to the lit token
    assert token_html([" heart"], [2.0], 2.0).count("tv-sp") == 1
    assert "tv-sp" not in token_html([" heart"], [0.0], 2.0)
    assert 'data-sign="↵"' in token_html(["a\n"], [0.0], 1.0)
    assert 'data-sign="⇥"' in token_html(["\t"], [0.0], 1.0)


def test_a_line_break_breaks_the_line_unless_that_is_turned_off():
    assert "tv-flat" in token_html(["a\n"], [0.0], 1.0, breaks=False)
    assert "tv-flat" not in token_html(["a\n"], [0.0], 1.0)


def test_tokens_that_share_a_character_are_one_piece_with_all_their_values():
    piece, after = pieces(["🧬", "", "", "b"], [0.0, 5.0, 2.0, 0.0], mark=1)
    assert piece == ("🧬", (0.0, 5.0, 2.0), True)
    assert after.text == "b"
    assert 'data-value="+0.000 +5.000 +2.000"' in token_html(["🧬", "", ""], [0.0, 5.0, 2.0], 5.0)


def test_opacity_grows_from_nothing_to_its_strongest():
    values = [opacity(v, 10.0) for v in (0, 0.01, 1, 5, 10, 20)]
    assert values[0] == 0
    assert values == sorted(values)
    assert values[-1] == values[-2] == pytest.approx(STRONGEST)


def contrast(text: str, behind: str, colour: str) -> float:
    """WCAG 2 contrast of a text colour on the strongest highlight over a background."""

    def channel(v: float) -> float:
        return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4

    def luminance(rgb):
        return sum(w * channel(v / 255) for w, v in zip((0.2126, 0.7152, 0.0722), rgb, strict=True))

    def rgb(colour):
        return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]

    lit = [int(channel) for channel in colour.split(",")]
    mixed = [STRONGEST * h + (1 - STRONGEST) * b for h, b in zip(lit, rgb(behind), strict=True)]
    a, b = sorted((luminance(rgb(text)), luminance(mixed)))
    return (b + 0.05) / (a + 0.05)


@pytest.mark.parametrize("colour", [HIGHLIGHT, PROMOTES, SUPPRESSES])
def test_the_strongest_highlight_reads_on_light_and_dark(colour):
    assert contrast("#1f2328", "#ffffff", colour) >= 4.5
    assert contrast("#e8e6e3", "#15181c", colour) >= 4.5


def test_promoted_and_suppressed_tokens_have_their_colour_their_sign_and_their_number():
    promoted = ranked_html("Promotes", [" <b>"], [1.5], PROMOTES)
    assert f"rgba({PROMOTES},0.50)" in promoted
    assert "<small>+1.500</small>" in promoted
    assert "&lt;b&gt;" in promoted
    suppressed = ranked_html("Suppresses", ["a", "b"], [-2.0, -1.0], SUPPRESSES)
    assert f"rgba({SUPPRESSES},0.25)" in suppressed
    assert "<small>−1.000</small>" in suppressed


def test_a_token_is_never_told_by_colour_alone():
    markup = token_html(["a", "b", "c"], [9.0, 5.0, 1.0], 9.0, 0)
    assert 'class="tv-lit tv-high tv-mark"' in markup
    assert 'class="tv-lit tv-mid"' in markup
    assert 'class="tv-lit"' in markup
    assert 'data-value="+9.000"' in markup
    assert 'data-short="9.0"' in markup


def test_rows_carry_their_margin_and_take_the_keyboard():
    row = Row("12.3", "biology <b>", ["a", " heart", " beats"], [0.0, 12.345, 1.0], 1)
    markup = rows_html([row], 12.345, 12)
    assert "<b>12.3</b>" in markup
    assert "biology &lt;b&gt;" in markup
    assert markup.count("tv-mark") == 2  # the style and the token
    assert 'tabindex="0"' in markup
    assert ".tv-row:focus" in markup


def test_an_option_begins_a_line_without_a_line_break_in_the_text():
    row = Row("1.0", "q", ["Answer", ":", " a", " b"], [0, 0, 0, 1.0], 3, [2, 3])
    markup = rows_html([row], 1.0)
    assert markup.count("<br>") == 2
    assert "↵" not in markup
    assert "tv-mark" in markup.split("<br>")[2]


def test_an_excerpt_is_around_the_marked_token():
    row = Row("", "", list("abcdefg"), [0, 0, 0, 1, 0, 0, 0], 3)
    assert excerpt(row, 1) == Row("", "", ["c", "d", "e"], [0, 1, 0], 1)
    assert excerpt(row, None) == row
    assert excerpt(row._replace(mark=0), 2).tokens == ["a", "b", "c"]


def test_the_right_option_is_said_in_words_beside_it_and_survives_an_excerpt():
    row = Row("1.0", "q", ["Answer", ":", " a", " b"], [0, 0, 1.0, 0], 2, [2, 3], 3)
    lines = rows_html([row], 1.0).split("<br>")
    assert ["✓ right" in line for line in lines] == [False, False, True]
    assert "✓ right" in rows_html([row], 1.0, around=1)
    assert "✓ right" not in rows_html([row], 1.0, around=0)
    assert "✓ right" not in rows_html([row._replace(right=None)], 1.0)


def test_a_row_has_a_button_only_where_it_can_be_tried():
    rows = [Row("", "", ["a"], [0.0])] * 2
    assert "<button" not in rows_html(rows, 1.0)
    markup = rows_html(rows, 1.0, tried="try <it>")
    assert re.findall(r'data-row="(\d)"', markup) == ["0", "1"]
    assert "try &lt;it&gt;" in markup
