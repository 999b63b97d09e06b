"""The colours of charts, tables and lit tokens."""

from collections.abc import Collection
from typing import Literal, NamedTuple

import altair as alt

from backend.evaluation.history import Kind

FORGET = "#d95f02"
RETAIN = "#1b7fbd"
"""FORGET and RETAIN are told apart on light and dark, and by colour-blind eyes; wherever they
stand, the role also stands in words.
"""
CHANCE_GREY = "#888888"
ORANGE = "#ff8c00"
"""Dark orange, as in sae_vis: where a feature fires."""
HIGHLIGHT = "255, 140, 0"
"""ORANGE for rgba(): translucent behind a token, so that the text's own colour reads on light and
dark (contrast at least 4.5).
"""


def role_scale() -> alt.Scale:
    return alt.Scale(domain=["forget", "retain"], range=[FORGET, RETAIN])


class Mark(NamedTuple):
    colour: str
    shape: str
    """As Vega calls it."""


KINDS: dict[Kind | Literal["published"], Mark] = {
    "clamps": Mark(FORGET, "circle"),
    "gated clamps": Mark("#d75ae2", "square"),
    "RMU": Mark("#7a3ff2", "triangle-up"),
    "direction": Mark("#1b7a98", "diamond"),
    "random direction": Mark(CHANCE_GREY, "triangle-down"),
    "prompt": Mark("#9b714b", "triangle-right"),
    "published": Mark(CHANCE_GREY, "cross"),
}
"""What a setting is of, by shape as well as by colour. The colours stand out on light and dark (3.2
to 1) and from each other to colour-blind eyes (CIE 1976, 20 or more).
"""


def kind_scales(kinds: Collection[str]) -> tuple[alt.Scale, alt.Scale]:
    """Colours and shapes of these kinds, each with a name."""
    marks = {kind: mark for kind, mark in KINDS.items() if kind in kinds}
    return (
        alt.Scale(domain=[*marks], range=[mark.colour for mark in marks.values()]),
        alt.Scale(domain=[*marks], range=[mark.shape for mark in marks.values()]),
    )
