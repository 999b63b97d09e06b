"""What a feature's clamp, or a direction, does at each strength."""

from typing import NamedTuple

import altair as alt
import pandas as pd

from backend.data.questions import CHANCE
from components.charts.palette import CHANCE_GREY, role_scale
from components.charts.theme import text_colour


class Across(NamedTuple):
    """What a curve goes over."""

    title: str
    label: str
    """Of a tick, as an expression of Vega's."""


MULTIPLES = Across(
    "clamped to, times its maximum",
    "datum.value == 0 ? '0' : format(datum.value, '+~g') + 'x'",
)
STRENGTHS = Across("strength", "format(datum.value, '~g')")


def dose_curves(
    points: pd.DataFrame, chance: float = CHANCE, across: Across = MULTIPLES
) -> alt.LayerChart:
    """Accuracy by strength, a line for each role; dots are what was computed.

    `points` as backend.experiments.dose.points gives them.
    """
    base = alt.Chart(points).encode(color=alt.Color("role:N", scale=role_scale(), legend=None))
    x = alt.X("multiple:Q", title=across.title, axis=alt.Axis(labelExpr=across.label))
    y = alt.Y("accuracy:Q", title="accuracy, %", scale=alt.Scale(zero=False, padding=8, nice=True))
    band = base.mark_area(opacity=0.18).encode(
        x=x, y=alt.Y("low:Q", title="accuracy, %"), y2="high:Q"
    )
    line = base.mark_line().encode(
        x=x,
        y=y,
        strokeDash=alt.StrokeDash(
            "role:N",
            scale=alt.Scale(domain=["forget", "retain"], range=[[1, 0], [6, 3]]),
            legend=None,
        ),
    )
    dots = base.mark_point(filled=True, size=55, opacity=1).encode(
        x=x,
        y=y,
        shape=alt.Shape(
            "role:N",
            scale=alt.Scale(domain=["forget", "retain"], range=["circle", "diamond"]),
            legend=None,
        ),
        tooltip=["said:N"],
    )
    ends = points[points["multiple"] == points["multiple"].max()]
    names = (
        alt.Chart(ends)
        .mark_text(align="left", dx=8, fontWeight="bold")
        .encode(x=x, y=y, text="role:N", color=alt.value(text_colour()))
    )
    without = base.mark_rule(strokeDash=[2, 3], opacity=0.6).encode(y="baseline:Q")
    layers = band + without + line + dots + names
    if points["low"].min() < 100 * chance + 10:
        layers += (
            alt.Chart(pd.DataFrame({"y": [100 * chance]}))
            .mark_rule(strokeDash=[4, 4], color=CHANCE_GREY)
            .encode(y="y:Q")
        )
    return layers.properties(height=260, padding={"right": 50})
