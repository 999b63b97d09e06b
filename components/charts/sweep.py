"""A grid of settings: what each forgets against what it keeps."""

import altair as alt
import pandas as pd

from components.charts.fit import around
from components.charts.palette import CHANCE_GREY, FORGET, group_marks
from components.charts.theme import text_colour

SHAPES = ["circle", "triangle-up", "triangle-right", "cross", "triangle-down", "triangle-left"]
"""Of numbers of features: a square is no clamp, a diamond the present setting."""
ROOM = (0.09, 0.07)
"""What a label takes of the axes, across and up."""


def sweep_chart(points: pd.DataFrame, current: pd.DataFrame, tried: pd.DataFrame) -> alt.LayerChart:
    """Accuracy on the retain sets across, on the forget sets up; the axes fit the grid.

    One line for each number of features, through its strengths, which stand at the dots where there
    is room. `tried` are the settings of the history behind it, with forget and retain in percent.
    The other tables have the columns features, multiple, strength, forget and retain with _low and
    _high, baseline_forget, baseline_retain (percent).
    """
    kinds = list(dict.fromkeys(points["features"]))
    marks = [mark.colour for mark in group_marks(kinds).values()]
    ends = {
        role: around([*points[role], *current[role], *points[f"baseline_{role}"]])
        for role in ("retain", "forget")
    }
    within = {role: alt.Scale(domain=[*e], zero=False, nice=False) for role, e in ends.items()}

    def x(field: str = "retain") -> alt.X:
        title = "retain accuracy, all sets together, %"
        return alt.X(f"{field}:Q", scale=within["retain"], title=title)

    def y(field: str = "forget") -> alt.Y:
        return alt.Y(f"{field}:Q", scale=within["forget"], title="forget accuracy, %")

    def drawn(rows: pd.DataFrame) -> alt.Chart:
        return alt.Chart(rows).encode(
            x=x(),
            y=y(),
            color=alt.Color(
                "features:N", sort=kinds, scale=alt.Scale(domain=kinds, range=marks), title=None
            ),
            tooltip=[
                "features",
                "strength",
                alt.Tooltip("forget:Q", format=".1f"),
                alt.Tooltip("retain:Q", format=".1f"),
            ],
        )

    base = drawn(points)
    line = base.mark_line(opacity=0.6).encode(order="multiple:Q")
    across = base.mark_rule(opacity=0.35, clip=True).encode(x=x("retain_low"), x2="retain_high:Q")
    up = base.mark_rule(opacity=0.35, clip=True).encode(y=y("forget_low"), y2="forget_high:Q")
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        shape=alt.Shape(
            "features:N",
            sort=kinds,
            scale=alt.Scale(
                domain=kinds, range=[SHAPES[i % len(SHAPES)] for i in range(len(kinds))]
            ),
            title=None,
        )
    )
    names = (
        drawn(with_room(points))
        .mark_text(dx=6, dy=-8, align="left", fontSize=11)
        .encode(text="strength:N", color=alt.value(text_colour()))
    )
    none = (
        alt.Chart(current)
        .mark_point(shape="square", size=110, color=CHANCE_GREY, strokeWidth=2)
        .encode(x=x("baseline_retain"), y=y("baseline_forget"))
    )
    here = (
        alt.Chart(current)
        .mark_point(shape="diamond", size=220, filled=True, color=FORGET)
        .encode(x=x(), y=y())
    )
    before = (
        alt.Chart(tried)
        .mark_point(size=60, color=CHANCE_GREY, opacity=0.5, clip=True)
        .encode(x=x(), y=y())
    )
    layers = before + across + up + line + dots + names + none + here
    return layers.properties(height=360)


def with_room(points: pd.DataFrame) -> pd.DataFrame:
    """The points whose label lies on no other's, the first ones first."""
    wide, high = (max(float(points[r].max() - points[r].min()), 1.0) for r in ("retain", "forget"))
    taken: list[tuple[float, float]] = []
    kept = []
    for x, y in zip(points["retain"] / wide, points["forget"] / high, strict=True):
        free = all(abs(x - a) >= ROOM[0] or abs(y - b) >= ROOM[1] for a, b in taken)
        kept.append(free)
        taken += [(x, y)] if free else []
    return points[kept]
