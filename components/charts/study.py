"""A study: a figure over two of its axes, and what forgets most for what it costs."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from components.charts.palette import CHANCE_GREY, group_marks, ink, ramp, scales

ROW = 44
"""Pixels of a row of cells."""
LONG = 14
"""Characters of a name of which four do not fit beside each other on a narrow screen."""


def heat_map(
    cells: pd.DataFrame, x_title: str, y_title: str, x_order: Sequence[str], y_order: Sequence[str]
) -> alt.LayerChart:
    """A cell for each place, with its figure written in it.

    Columns: x, y (labels), text, colour, ink (as `coloured` gives them), cell, said. Selecting a
    cell sets the parameter "cell".
    """
    base = alt.Chart(cells).encode(
        x=alt.X(
            "x:N",
            sort=list(x_order),
            title=x_title,
            axis=alt.Axis(labelAngle=0, labelLimit=160, ticks=False, domain=False),
            scale=alt.Scale(domain=list(x_order), paddingInner=0.04),
        ),
        y=alt.Y(
            "y:N",
            sort=list(y_order),
            title=y_title,
            axis=alt.Axis(labelLimit=220, ticks=False, domain=False),
            scale=alt.Scale(domain=list(y_order), paddingInner=0.06),
        ),
        tooltip=[alt.Tooltip("said:N", title="figures")],
    )
    squares = (
        base.mark_rect(cornerRadius=3, cursor="pointer")
        .encode(color=alt.Color("colour:N", scale=None))
        .add_params(alt.selection_point(name="cell", fields=["cell"]))
    )
    figures = base.mark_text(fontSize=12).encode(
        text="text:N", color=alt.Color("ink:N", scale=None)
    )
    return alt.LayerChart(layer=[squares, figures]).properties(height=ROW * len(y_order) + 70)


def coloured(values: pd.Series, name: str) -> pd.DataFrame:
    """Columns colour and ink of these values, along the ramp of that name: from the least value to
    the largest, of changes from as much fallen as risen.
    """
    if name == "change":
        most = max(1e-9, float(values.abs().max()))
        low, high = -most, most
    else:
        low, high = float(values.min()), float(values.max())
    share = (values - low) / (high - low) if high > low else values * 0 + 0.5
    colours = [ramp(name, part) for part in share]
    return pd.DataFrame({"colour": colours, "ink": [ink(c) for c in colours]}, index=values.index)


def fronts_chart(cells: pd.DataFrame, published: pd.DataFrame | None = None) -> alt.LayerChart:
    """Retain accuracy across, forget accuracy up; a mark and a line for each group, named above.

    Columns: group, forget, retain (percent), front (whether the group's line goes through it),
    cell, said. `published` has name, forget and retain. Selecting a dot sets the parameter "cell".
    """
    names = list(dict.fromkeys(cells["group"]))
    colours, shapes = scales(group_marks(names))
    legend = alt.Legend(
        orient="top",
        title=None,
        columns=2 if max(map(len, names)) > LONG else 4,
        symbolStrokeWidth=2,
        symbolOpacity=1,
        labelLimit=260,
    )
    colour = alt.Stroke("group:N", sort=names, scale=colours, legend=legend)
    shape = alt.Shape("group:N", sort=names, scale=shapes, legend=legend)
    across = alt.X(
        "retain:Q",
        scale=alt.Scale(zero=False, padding=14, nice=False),
        axis=alt.Axis(tickCount=8),
        title="retain accuracy, %",
    )
    up = alt.Y(
        "forget:Q", scale=alt.Scale(zero=False, padding=14, nice=False), title="forget accuracy, %"
    )
    lines = (
        alt.Chart(cells[cells["front"]])
        .mark_line(strokeWidth=1.5, opacity=0.8)
        .encode(x=across, y=up, order="retain:Q", stroke=colour)
    )
    dots = (
        alt.Chart(cells)
        .mark_point(strokeWidth=2, size=70, opacity=1, cursor="pointer")
        .encode(
            x=across,
            y=up,
            stroke=colour,
            shape=shape,
            fill=alt.value("transparent"),
            tooltip=["group:N", alt.Tooltip("said:N", title="figures")],
        )
        .add_params(alt.selection_point(name="cell", fields=["cell"]))
    )
    layers = [lines, dots]
    if published is not None and len(published):
        theirs = (
            alt.Chart(published)
            .mark_point(shape="cross", size=60, color=CHANCE_GREY, filled=True, opacity=0.8)
            .encode(
                x=across,
                y=up,
                tooltip=[
                    "name:N",
                    alt.Tooltip("forget:Q", format=".1f"),
                    alt.Tooltip("retain:Q", format=".1f"),
                ],
            )
        )
        layers.insert(0, theirs)
    return alt.LayerChart(layer=layers).properties(height=360)
