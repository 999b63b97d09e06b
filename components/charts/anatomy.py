"""One question taken apart: its four options along a strength, and what each feature adds."""

from typing import Any, NamedTuple

import altair as alt
import pandas as pd

from components.charts.palette import CHANCE_GREY, FORGET, RETAIN, Mark
from components.charts.theme import text_colour

LETTERS: dict[str, Mark] = {
    "A": Mark("#d95f02", "circle"),
    "B": Mark("#1b7fbd", "square"),
    "C": Mark("#7a3ff2", "triangle-up"),
    "D": Mark("#9b714b", "diamond"),
}
DASHES = {"A": [1, 0], "B": [8, 3], "C": [2, 2], "D": [9, 3, 2, 3]}
"""The options are told apart by letter, dash and shape as well as by colour."""
RIGHT_WIDTH, WIDTH = 3.5, 1.8


class Along(NamedTuple):
    """What the strength is, on the axis."""

    title: str
    label: str
    """Of a tick, as an expression of Vega's."""


TIMES = "replace(format(datum.value, '~g'), '-', '−') + 'x'"
ALONG: dict[str, Along] = {
    "all": Along("all clamps together, times their present strength", TIMES),
    "feature": Along("clamped to, times its maximum", TIMES),
    "direction": Along("strength", "format(datum.value, '~g')"),
}


class Rule(NamedTuple):
    """An upright line with its name."""

    at: float
    name: str
    dash: tuple[int, int]
    level: int
    """How many lines of text below the top its name stands."""


def curve_chart(
    points: pd.DataFrame, right: str, along: Along, rules: list[Rule]
) -> alt.LayerChart:
    """A line for each option; dots are what was run.

    Columns: strength, letter, share, off (whether it is the answer without, which stands
    apart at `strength`), said. `right` is the right option's letter.
    """
    color = alt.Color("letter:N", scale=_scale("colour"), legend=None)
    x = alt.X(
        "strength:Q",
        title=along.title,
        scale=alt.Scale(nice=False, padding=14),
        axis=alt.Axis(labelExpr=_off_label(points, along), grid=False, values=_ticks(points)),
    )
    shared: dict[str, Any] = {
        "title": "P",
        "scale": alt.Scale(domain=[0, 1]),
        "axis": alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], labelExpr="format(datum.value, '.2f')"),
    }
    y = alt.Y("share:Q", **shared)
    base = alt.Chart(points).encode(x=x, y=y, color=color)
    line = (
        base.transform_filter("!datum.off")
        .mark_line()
        .encode(
            strokeDash=alt.StrokeDash(
                "letter:N",
                scale=alt.Scale(domain=[*DASHES], range=[*DASHES.values()]),
                legend=None,
            ),
            strokeWidth=alt.condition(
                alt.datum.letter == right, alt.value(RIGHT_WIDTH), alt.value(WIDTH)
            ),
        )
    )
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(
        shape=alt.Shape("letter:N", scale=_scale("shape"), legend=None), tooltip=["said:N"]
    )
    ends = _ends(points, right)
    names = (
        alt.Chart(ends)
        .mark_text(align="left", dx=9, fontWeight="bold", fontSize=13)
        .encode(x=x, y=alt.Y("level:Q", **shared), text="name:N", color=color)
    )
    layers = [*_rules(rules), line, dots, names]
    return alt.LayerChart(layer=layers).properties(height=300, padding={"right": 70})


def _scale(of: str) -> alt.Scale:
    return alt.Scale(domain=[*LETTERS], range=[getattr(mark, of) for mark in LETTERS.values()])


def _ticks(points: pd.DataFrame) -> list[float]:
    """Round strengths, and a tick of its own where the answer without stands."""
    off, on = points[points["off"]], points[~points["off"]]
    if on.empty:
        return sorted(set(off["strength"]))
    low, high = float(on["strength"].min()), float(on["strength"].max())
    step = next(s for s in (0.25, 0.5, 1, 2, 5, 10, 20, 50, 1e9) if (high - low) / s <= 9)
    first = -(-low // step) * step
    ticks = [first + i * step for i in range(int((high - first) / step + 1e-9) + 1)]
    return [*sorted(set(off["strength"])), *ticks]


def _off_label(points: pd.DataFrame, along: Along) -> str:
    off = points.loc[points["off"], "strength"]
    if off.empty:
        return along.label
    return f"datum.value == {float(off.iloc[0])!r} ? 'without' : {along.label}"


def _ends(points: pd.DataFrame, right: str) -> pd.DataFrame:
    """The lines' names at their ends, moved apart where they would cover each other."""
    on = points[~points["off"]] if not points["off"].all() else points
    last = on[on["strength"] == on["strength"].max()].sort_values("share")
    last = last.assign(name=[f"{c} ✓ right" if c == right else c for c in last["letter"]])
    return last.assign(level=apart(last["share"].tolist(), 0.07, 1.0))


def apart(levels: list[float], least: float, top: float) -> list[float]:
    """Ascending levels, at least so far from each other and none above the top."""
    out: list[float] = []
    for level in levels:
        out.append(max(level, out[-1] + least) if out else level)
    for i in range(len(out) - 1, -1, -1):
        out[i] = min(out[i], top - least * (len(out) - 1 - i))
    return out


def _rules(rules: list[Rule]) -> list[alt.Chart]:
    out = []
    for rule in rules:
        at = alt.Chart(pd.DataFrame({"strength": [rule.at], "name": [rule.name]}))
        x = alt.X("strength:Q")
        out += [
            at.mark_rule(strokeDash=list(rule.dash), color=CHANCE_GREY, strokeWidth=1.5).encode(
                x=x
            ),
            at.mark_text(
                align="left", dx=4, baseline="top", color=text_colour(), fontSize=12
            ).encode(x=x, y=alt.value(2 + 15 * rule.level), text="name:N"),
        ]
    return out


def bars_chart(options: pd.DataFrame) -> alt.LayerChart:
    """The four options at one strength; an upright mark is the option's share without.

    Columns: option (what it is called), letter, share, before, said.
    """
    color = alt.Color("letter:N", scale=_scale("colour"), legend=None)
    y = alt.Y(
        "option:N",
        title=None,
        sort=None,
        axis=alt.Axis(labelLimit=170, labelFontSize=13, ticks=False, domain=False),
    )
    scale, axis = alt.Scale(domain=[0, 1.02], nice=False), alt.Axis(values=[0, 0.5, 1], format="~g")
    x = alt.X("share:Q", title="P", scale=scale, axis=axis)
    base = alt.Chart(options).encode(y=y)
    bars = base.mark_bar(height=18).encode(x=x, color=color, tooltip=["said:N"])
    before = base.mark_tick(color=CHANCE_GREY, thickness=3, size=26).encode(
        x=alt.X("before:Q", title="P", scale=scale, axis=axis), tooltip=["said:N"]
    )
    return (bars + before).properties(height=170, padding={"right": 16})


def contributions_chart(rows: pd.DataFrame, title: str) -> alt.LayerChart:
    """What leaving each feature out gives back of the right answer.

    Columns: feature (what it is called), gives, sign ("+", "−" or ""), text, said; in the
    order in which they are drawn.
    """
    y = alt.Y(
        "feature:N",
        title=None,
        sort=None,
        axis=alt.Axis(
            labelLimit=300, labelFontSize=12, labelOverlap=False, ticks=False, domain=False
        ),
    )
    low, high = min(0.0, float(rows["gives"].min())), max(0.0, float(rows["gives"].max()))
    spread = max(high - low, 0.01)
    x = alt.X(
        "gives:Q",
        title=title,
        scale=alt.Scale(
            domain=[low - (0.16 * spread if low < 0 else 0), high + 0.16 * spread], nice=False
        ),
    )
    base = alt.Chart(rows).encode(y=y)
    bars = base.mark_bar(height=14).encode(
        x=x,
        color=alt.Color(
            "sign:N",
            scale=alt.Scale(domain=["+", "−", ""], range=[FORGET, RETAIN, CHANCE_GREY]),
            legend=None,
        ),
        tooltip=["said:N"],
    )
    zero = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=CHANCE_GREY).encode(x="x:Q")
    texts = [
        base.transform_filter(f"datum.sign {'==' if left else '!='} '−'")
        .mark_text(
            align="right" if left else "left",
            dx=-4 if left else 4,
            color=text_colour(),
            fontWeight="bold",
        )
        .encode(x=x, text="text:N")
        for left in (True, False)
    ]
    return alt.LayerChart(layer=[zero, bars, *texts]).properties(height=24 * len(rows) + 60)
