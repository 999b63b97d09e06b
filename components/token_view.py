"""Tokens with their activations as HTML. Pure: text is data, every piece of it is escaped."""

import html
import math
from collections.abc import Sequence

HIGHLIGHT = "255, 140, 0"
"""Dark orange, as in sae_vis; translucent, so that the text's own colour reads on light and dark."""


def opacity(value: float, top: float) -> float:
    """0 for a silent token, else 0.1 to 0.75, logarithmic so that weak activations stay visible (as Neuronpedia's)."""
    if value <= 0 or top <= 0:
        return 0.0
    return 0.1 + 0.65 * math.log10(1 + 9 * min(1.0, value / top))


def visible(text: str) -> str:
    """The token as it can be seen: line breaks as arrows, tabs as arrows to the right."""
    return text.replace("\r\n", "↵").replace("\n", "↵").replace("\r", "↵").replace("\t", "⇥")


def token_html(tokens: Sequence[str], values: Sequence[float], top: float, strongest: int | None = None) -> str:
    """One line of running text; the value stands in the tooltip and, for the strongest token, beside it in bold."""
    pieces = []
    for i, (token, value) in enumerate(zip(tokens, values, strict=True)):
        text = html.escape(visible(token))
        if value <= 0:
            pieces.append(text)
            continue
        weight = "font-weight:700;text-decoration:underline;" if i == strongest else ""
        pieces.append(
            f'<span tabindex="0" title="{value:.3f}" style="background:rgba({HIGHLIGHT},{opacity(value, top):.2f});border-radius:3px;'
            f'{weight}">{text}</span>'
        )
    return f'<span dir="auto" style="white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.7">{"".join(pieces)}</span>'


def excerpt(tokens: Sequence[str], values: Sequence[float], strongest: int, around: int | None) -> tuple[list[str], list[float], int]:
    """`around` tokens on each side of the strongest; everything if None."""
    if around is None:
        return list(tokens), list(values), strongest
    begin = max(0, strongest - around)
    return list(tokens[begin : strongest + around + 1]), list(values[begin : strongest + around + 1]), strongest - begin


def examples_html(examples: Sequence[tuple[str, list[str], list[float], int]], top: float, around: int | None) -> str:
    """A list of examples (corpus title, tokens, values, strongest), the largest activation of each in the margin."""
    rows = []
    for title, tokens, values, strongest in examples:
        shown = excerpt(tokens, values, strongest, around)
        rows.append(
            '<div style="display:flex;gap:.8rem;padding:.45rem 0;border-bottom:1px solid rgba(128,128,128,.25)">'
            f'<div style="flex:0 0 8rem;font-variant-numeric:tabular-nums"><b>{values[strongest]:.1f}</b><br>'
            f'<small style="opacity:.75">{html.escape(title)}</small></div><div>{token_html(shown[0], shown[1], top, shown[2])}</div></div>'
        )
    return "".join(rows)
