"""The colours of charts, tables and lit tokens."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

import altair as alt

from backend.evaluation.history import Kind
from backend.interventions.method import GateKind

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


GATES: dict[Literal["none"] | GateKind, Mark] = {
    "none": KINDS["clamps"],
    "rho": KINDS["gated clamps"],
    "window": KINDS["RMU"],
    "cusum": KINDS["direction"],
}
"""When a setting acts."""


def group_marks(names: Sequence[str]) -> dict[str, Mark]:
    """A mark for each name: no two of the first twenty-five are alike, none is grey."""
    marks = [mark for mark in KINDS.values() if mark.colour != CHANCE_GREY]
    n = len(marks)
    return {
        name: Mark(marks[i % n].colour, marks[(i + i // n) % n].shape)
        for i, name in enumerate(names)
    }


def kind_scales(kinds: Collection[str]) -> tuple[alt.Scale, alt.Scale]:
    """Colours and shapes of these kinds, each with a name."""
    return scales({kind: mark for kind, mark in KINDS.items() if kind in kinds})


def scales(marks: Mapping[str, Mark]) -> tuple[alt.Scale, alt.Scale]:
    """Colours and shapes by name."""
    return (
        alt.Scale(domain=[*marks], range=[mark.colour for mark in marks.values()]),
        alt.Scale(domain=[*marks], range=[mark.shape for mark in marks.values()]),
    )


# -- filled cells ----------------------------------------------------------------------------------

RAMPS: dict[str, tuple[str, str, str]] = {
    "forget": ("#fdf1e7", FORGET, "#5c2800"),
    "retain": ("#e9f3fa", RETAIN, "#08304c"),
    "change": ("#08304c", "#f2f0ed", "#5c2800"),
}
"""From little to much; of changes, what fell is blue, what rose is brown."""


def ramp(name: str, share: float) -> str:
    """The colour so far along, from 0 to 1."""
    first, middle, last = RAMPS[name]
    low, high = (first, middle) if share < 0.5 else (middle, last)
    part = min(1.0, max(0.0, 2 * share if share < 0.5 else 2 * share - 1))
    mixed = (round(a + (b - a) * part) for a, b in zip(_rgb(low), _rgb(high), strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def ink(ground: str) -> str:
    """Black or white, whichever can be read on this ground: contrast is 4.5 or more."""
    return "#000000" if luminance(ground) > 0.179 else "#ffffff"


def luminance(colour: str) -> float:
    """Relative, as WCAG 2 has it: 0 is black, 1 is white."""
    parts = (channel / 255 for channel in _rgb(colour))
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue
