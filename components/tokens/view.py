"""Tokens with their activations as HTML. Pure: text is data, every piece of it is escaped.

The text in the page is the exact text, so that it can be copied; signs for spaces, line breaks and
invisible characters are drawn over it by the style sheet. A lit token is told by its background, by
a line below it that is the thicker the stronger it fires, and by its value, which shows on hover,
and for a whole row when the row has the focus.
"""

import html
import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from backend.wording import signed
from components.charts.palette import HIGHLIGHT

STRONGEST = 0.5
"""Opacity of the highlight at the strongest activation."""
WEAKEST = 0.08
PROMOTES = "31, 157, 85"
SUPPRESSES = "214, 64, 110"
"""Green and rose for rgba(), as Neuronpedia has them; the sign stands beside each number too."""
KEPT_INVISIBLE = "\u200c\u200d"
"""Joiners: scripts and emoji are wrong without them, and they reorder nothing."""

STYLE = f"""<style>
.tv-text {{
  white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.75; unicode-bidi: isolate;
  min-width: 0;
}}
.tv-lit {{ position: relative; border-bottom: 1px solid rgb({HIGHLIGHT}); border-radius: 2px; }}
.tv-mid {{ border-bottom-width: 2px; }}
.tv-high {{ border-bottom-width: 3px; }}
.tv-mark {{ font-weight: 700; outline: 1px solid currentColor; }}
.tv-sp, .tv-sign {{ position: relative; }}
.tv-sp::before {{ content: "·"; position: absolute; opacity: .75; }}
.tv-sign::before {{ content: attr(data-sign); opacity: .75; font-size: .85em; }}
.tv-flat .tv-nl {{ white-space: normal; }}
.tv-lit:hover::after {{
  content: attr(data-value); position: absolute; left: 0; bottom: 100%; z-index: 9;
  padding: .1rem .4rem; background: #1f2328; color: #fff; border-radius: 3px;
  font: 600 .8rem/1.3 sans-serif; white-space: nowrap;
}}
.tv-row {{
  display: flex; flex-wrap: wrap; gap: .1rem .8rem; padding: .45rem .3rem;
  border-bottom: 1px solid rgba(128, 128, 128, .25);
}}
.tv-row:focus {{ outline: 2px solid rgb({HIGHLIGHT}); outline-offset: -2px; }}
.tv-row:focus .tv-lit:not(:hover)::after {{
  content: attr(data-short); font: 600 .7em/1 sans-serif; vertical-align: super; padding-left: .1em;
}}
.tv-right {{ white-space: nowrap; font-weight: 700; padding-left: .5rem; }}
.tv-try {{
  margin: .2rem 0 0; padding: 0; border: 0; background: none; color: inherit; font: inherit;
  font-size: .85em; text-decoration: underline; cursor: pointer;
}}
.tv-try:focus-visible {{ outline: 2px solid rgb({HIGHLIGHT}); outline-offset: 2px; }}
.tv-margin {{ flex: 0 0 7.5rem; font-variant-numeric: tabular-nums; }}
.tv-margin small {{ display: block; }}
.tv-body {{ flex: 1 1 16rem; min-width: 0; }}
.tv-ranked ol {{ list-style: none; margin: .2rem 0 0; padding: 0; }}
.tv-ranked li {{
  display: flex; justify-content: space-between; gap: .5rem; margin: .15rem 0;
  font-variant-numeric: tabular-nums;
}}
</style>"""
"""Goes once before any of the HTML below, in the same element."""


class Row(NamedTuple):
    """One line of a list: what stands in the margin, and the tokens."""

    head: str
    note: str
    tokens: Sequence[str]
    values: Sequence[float]
    mark: int | None = None
    """Index of the token the row is shown for."""
    lines: Sequence[int] = ()
    """Tokens that begin a line of their own though the text has no line break there.

    Such as an option of a question.
    """
    right: int | None = None
    """Of these, the one that begins the right option."""


class Piece(NamedTuple):
    """Text that stands for one token, or for several that share a character."""

    text: str
    values: tuple[float, ...]
    marked: bool


def opacity(value: float, top: float) -> float:
    """0 for a silent token, else WEAKEST to STRONGEST.

    Logarithmic, so that weak activations stay visible (as Neuronpedia's).
    """
    if value <= 0 or top <= 0:
        return 0.0
    return WEAKEST + (STRONGEST - WEAKEST) * math.log10(1 + 9 * min(1.0, value / top))


def pieces(tokens: Sequence[str], values: Sequence[float], mark: int | None = None) -> list[Piece]:
    """The tokens, those of one character as one piece.

    Only the first of them has a text (see backend.data.token_text).
    """
    out: list[Piece] = []
    for i, (token, value) in enumerate(zip(tokens, values, strict=True)):
        if token or not out:
            out.append(Piece(token, (value,), i == mark))
        else:
            out[-1] = Piece(out[-1].text, (*out[-1].values, value), out[-1].marked or i == mark)
    return out


def visible(text: str, spaces: bool = False) -> str:
    """The text as HTML: exact, with signs for what cannot be seen.

    Signs stand for line breaks, tabs, runs of spaces (`spaces`: every space) and invisible
    characters.
    """
    out = []
    marks = spaces or not text.strip(" ") or "  " in text
    for c in text:
        if c == " ":
            out.append('<span class="tv-sp"> </span>' if marks else " ")
        elif c == "\n":
            out.append('<span class="tv-sign tv-nl" data-sign="↵">\n</span>')
        elif c == "\t":
            out.append('<span class="tv-sign" data-sign="⇥">\t</span>')
        elif c == "\u00a0" or (
            unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")
            and c not in KEPT_INVISIBLE
        ):
            out.append(f'<span class="tv-sign" data-sign="[U+{ord(c):04X}]"></span>')
        else:
            out.append(html.escape(c))
    return "".join(out)


def token_html(
    tokens: Sequence[str],
    values: Sequence[float],
    top: float,
    mark: int | None = None,
    breaks: bool = True,
) -> str:
    """Running text; the token at `mark` is bold and framed.

    `breaks`: a line break in the text breaks the line.
    """
    inner = "".join(_piece(piece, top) for piece in pieces(tokens, values, mark))
    return f'<span dir="auto" class="tv-text{"" if breaks else " tv-flat"}">{inner}</span>'


def _piece(piece: Piece, top: float) -> str:
    strongest = max(piece.values)
    if strongest <= 0:
        return visible(piece.text)
    share = min(1.0, strongest / top) if top > 0 else 0.0
    strength = " tv-high" if share > 2 / 3 else " tv-mid" if share > 1 / 3 else ""
    mark = " tv-mark" if piece.marked else ""
    values = " ".join(f"{value:+.3f}" for value in piece.values)
    return (
        f'<span class="tv-lit{strength}{mark}" data-value="{values}" '
        f'data-short="{strongest:.1f}" '
        f'style="background:rgba({HIGHLIGHT},{opacity(strongest, top):.2f})">'
        f"{visible(piece.text, spaces=True)}</span>"
    )


def excerpt(row: Row, around: int | None) -> Row:
    """`around` tokens on each side of the marked one; everything if None or nothing is marked."""
    if around is None or row.mark is None:
        return row
    span = slice(max(0, row.mark - around), row.mark + around + 1)
    lines = tuple(line - span.start for line in row.lines if span.start < line < span.stop)
    right = None if row.right is None else row.right - span.start
    return row._replace(
        tokens=row.tokens[span],
        values=row.values[span],
        mark=row.mark - span.start,
        lines=lines,
        right=right if right in lines else None,
    )


def rows_html(
    rows: Iterable[Row],
    top: float,
    around: int | None = None,
    breaks: bool = True,
    tried: str = "",
) -> str:
    """A list of rows, each a stop of the Tab key that shows all its values.

    Colours are relative to `top`; `around` and `breaks` as in `excerpt` and `token_html`. Each row
    has a button of the name `tried`, if there is one (see components.tokens.rows).
    """
    drawn = (_row(excerpt(row, around), top, breaks, i, tried) for i, row in enumerate(rows))
    return STYLE + "".join(drawn)


def _row(row: Row, top: float, breaks: bool, number: int, tried: str) -> str:
    head, note = html.escape(row.head), html.escape(row.note)
    button = (
        f'<button type="button" class="tv-try" data-row="{number}">{html.escape(tried)}</button>'
        if tried
        else ""
    )
    return (
        f'<div class="tv-row" tabindex="0" role="group" aria-label="{head}, {note}">'
        f'<div class="tv-margin"><b>{head}</b><small>{note}</small>{button}</div>'
        f'<div class="tv-body">{"<br>".join(_lines(row, top, breaks))}</div></div>'
    )


def _lines(row: Row, top: float, breaks: bool) -> Iterator[str]:
    """The row's text as HTML, cut where a line of its own begins."""
    for begin, end in pairwise([0, *row.lines, len(row.tokens)]):
        mark = row.mark - begin if row.mark is not None and begin <= row.mark < end else None
        line = token_html(row.tokens[begin:end], row.values[begin:end], top, mark, breaks)
        right = row.right is not None and begin == row.right
        yield line + ('<span class="tv-right">✓ right</span>' if right else "")


def ranked_html(
    title: str, tokens: Sequence[str], values: Sequence[float], colour: str = HIGHLIGHT
) -> str:
    """Tokens by a signed value, each with its number; the background (`colour`: red, green, blue)
    grows with its size.
    """
    top = max((abs(value) for value in values), default=0.0) or 1.0
    items = "".join(
        '<li><span class="tv-text" '
        f'style="background:rgba({colour},{STRONGEST * abs(value) / top:.2f});padding:0 .3rem">'
        f"{visible(token, spaces=True)}</span><small>{signed(value, 3)}</small></li>"
        for token, value in zip(tokens, values, strict=True)
    )
    return f'{STYLE}<div class="tv-ranked"><b>{html.escape(title)}</b><ol>{items}</ol></div>'
