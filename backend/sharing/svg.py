"""Two charts as SVG, for a page that must stand alone, and their parts. Pure."""

import html
import itertools
from collections.abc import Sequence
from typing import NamedTuple

from backend.data.questions import CHANCE
from backend.evaluation.evaluate import SetResult
from backend.evaluation.history import KEPT, Kind, Pooled, Trial, fronts

FORGET = "#b34700"
RETAIN = "#135e91"
GREY = "#666666"
PALE = "#cccccc"
WIDTH = 720
KIND_COLOURS: dict[Kind, str] = {
    "clamps": FORGET,
    "gated clamps": "#a53bb0",
    "RMU": "#5b2bb8",
    "direction": "#135e74",
    "random direction": GREY,
    "prompt": "#7d5634",
}
KIND_SHAPES: dict[Kind, tuple[tuple[float, float], ...]] = {
    "gated clamps": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "RMU": ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
    "direction": ((0, -1.3), (1.0, 0), (0, 1.3), (-1.0, 0)),
    "random direction": ((0, 1.2), (1.1, -0.8), (-1.1, -0.8)),
    "prompt": ((1.2, 0), (-0.8, 1.1), (-0.8, -1.1)),
}
"""Corners around the middle, in radii; clamps are circles."""


class Axis(NamedTuple):
    """Figures from `low` to `high` on a line of the page, with 4 % of margin at either end."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, figure: float) -> float:
        spread = max(self.high - self.low, 1.0)
        share = (figure - self.low + 0.04 * spread) / (1.08 * spread)
        return self.begin + (self.end - self.begin) * share

    @classmethod
    def over(cls, figures: Sequence[float], begin: float, end: float) -> "Axis":
        return cls(min(figures, default=0.0), max(figures, default=100.0), begin, end)


def text(
    x: float,
    y: float,
    words: str,
    anchor: str = "start",
    colour: str = "#222222",
    size: int = 12,
    bold: bool = False,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
        f'font-size="{size}"{weight}>{html.escape(words)}</text>'
    )


def line(
    x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1, dash: str = ""
) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"{dashes}/>'
    )


def dot(
    x: float,
    y: float,
    radius: float,
    colour: str,
    filled: bool,
    ground: str = "white",
    stroke: float = 2,
) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" stroke="{colour}" '
        f'stroke-width="{stroke:g}" fill="{colour if filled else ground}"/>'
    )


def _mark(kind: Kind, x: float, y: float, radius: float, filled: bool) -> str:
    colour = KIND_COLOURS[kind]
    if (corners := KIND_SHAPES.get(kind)) is None:
        return dot(x, y, radius, colour, filled)
    points = " ".join(f"{x + radius * dx:.1f},{y + radius * dy:.1f}" for dx, dy in corners)
    return (
        f'<polygon points="{points}" stroke="{colour}" stroke-width="2" '
        f'fill="{colour if filled else "white"}"/>'
    )


def _svg(height: float, title: str, pieces: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" width="100%" role="img" '
        'xmlns="http://www.w3.org/2000/svg" font-family="inherit">'
        f"<title>{html.escape(title)}</title>{''.join(pieces)}</svg>"
    )


def dumbbell_svg(sets: Sequence[SetResult]) -> str:
    """Accuracy of each set without (hollow) and with clamps (filled).

    The change's 95 % interval is a band.
    """
    left = 210
    right = WIDTH - 20
    row = 34
    bottom = row * len(sets) + 10

    def x(share: float) -> float:
        return left + (right - left) * min(1.0, max(0.0, share))

    tenths = range(0, 11, 2)
    pieces = [line(x(t / 10), 6, x(t / 10), bottom, "#dddddd") for t in tenths]
    pieces += [text(x(t / 10), bottom + 16, f"{10 * t} %", "middle", GREY) for t in tenths]
    pieces += [
        line(x(CHANCE), 6, x(CHANCE), bottom, GREY, 1.5, "4 4"),
        text(x(CHANCE), bottom + 32, "chance", "middle", GREY),
    ]
    for i, s in enumerate(sets):
        y = row * i + 24
        colour = FORGET if s.role == "forget" else RETAIN
        before, after = x(s.baseline_accuracy), x(s.accuracy)
        low = x(s.baseline_accuracy + s.ci_low_pp / 100)
        high = x(s.baseline_accuracy + s.ci_high_pp / 100)
        band = (
            f'<rect x="{low:.1f}" y="{y - 6}" width="{max(0.0, high - low):.1f}" height="12" '
            f'fill="{colour}" fill-opacity="0.25"/>'
        )
        pieces += [
            text(left - 12, y + 4, f"{s.title} ({s.role})", "end"),
            band,
            line(before, y, after, y, colour, 2),
            dot(before, y, 5, colour, False),
            dot(after, y, 5, colour, True),
        ]
    return _svg(bottom + 40, "Accuracy of each set without and with clamps", pieces)


def trials_svg(trials: Sequence[Trial], current: str | None, baseline_retain: Pooled) -> str:
    """Every setting tried: retain accuracy across, forget accuracy up, in percent.

    With 95 % intervals; a shape and a colour for each kind, named below; each kind's front as
    steps.
    """
    left = 60
    right = WIDTH - 20
    top = 20
    bottom = 300
    kept = KEPT * baseline_retain.percent
    x = Axis.over([v for t in trials for v in t.retain.interval] + [kept], left, right)
    y = Axis.over([v for t in trials for v in t.forget.interval], bottom, top)
    pieces = [line(left, bottom, right, bottom, GREY), line(left, top, left, bottom, GREY)]
    for step in range(5):
        retain = x.low + (x.high - x.low) * step / 4
        forget = y.low + (y.high - y.low) * step / 4
        pieces += [
            text(x.at(retain), bottom + 16, f"{retain:.0f}", "middle", GREY),
            text(left - 8, y.at(forget) + 4, f"{forget:.0f}", "end", GREY),
        ]
    pieces += [
        text((left + right) / 2, bottom + 34, "retain accuracy, %", "middle"),
        text(left, top - 6, "forget accuracy, %"),
    ]
    pieces += [
        line(x.at(kept), top, x.at(kept), bottom, RETAIN, 1.5, "5 4"),
        text(x.at(kept) - 5, top + 10, "99 % of retain kept", "end", RETAIN),
    ]

    def place(t: Trial) -> tuple[float, float]:
        return x.at(t.retain.percent), y.at(t.forget.percent)

    for t in trials:
        across, up = place(t)
        retain_ends, forget_ends = t.retain.interval, t.forget.interval
        pieces += [
            line(x.at(retain_ends.low), up, x.at(retain_ends.high), up, PALE),
            line(across, y.at(forget_ends.low), across, y.at(forget_ends.high), PALE),
        ]
    best = fronts(trials)
    for kind, of_kind in best.items():
        colour = KIND_COLOURS[kind]
        # By falling retain accuracy: a step goes level to the left, then down.
        for (x1, y1), (x2, y2) in itertools.pairwise(map(place, of_kind)):
            pieces += [line(x1, y1, x2, y1, colour, 1.5), line(x2, y1, x2, y2, colour, 1.5)]
    for t in sorted(trials, key=lambda t: t.id == current):
        mine = t.id == current
        pieces.append(_mark(t.kind, *place(t), 8 if mine else 4.5, mine))
    return _svg(
        bottom + 68,
        "Forget against retain accuracy of every setting tried",
        [*pieces, *(_legend(list(best), left, bottom + 56) if len(best) > 1 else [])],
    )


def _legend(kinds: Sequence[Kind], left: float, y: float) -> list[str]:
    """The kinds' marks with their names, in a row."""
    step = (WIDTH - left) / len(KIND_COLOURS)
    pieces = []
    for i, kind in enumerate(kinds):
        x = left + step * i
        pieces += [_mark(kind, x + 5, y - 4, 4.5, False), text(x + 15, y, kind)]
    return pieces
