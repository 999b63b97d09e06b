"""A set of features put together one by one: what each further one forgets, and what it costs."""

import altair as alt
import pandas as pd

from components.charts.palette import CHANCE_GREY, RETAIN, role_scale
from components.charts.theme import text_colour

AXIS_WIDTH = 46
"""Pixels left for the labels of both panels, so that they stand below each other."""
SHAPES = alt.Scale(domain=["forget", "retain"], range=["circle", "diamond"])
DASHES = alt.Scale(domain=["forget", "retain"], range=[[1, 0], [6, 3]])


def build_chart(steps: pd.DataFrame, best: int | None = None) -> alt.LayerChart:
    """Accuracy on the selection half by the number of features, a line for each role.

    Columns: n, role, accuracy, low, high (percent: the baseline plus the change's interval),
    baseline, said. `best` is the number that was chosen. Selecting a dot sets the
    parameter "n".
    """
    color = alt.Color("role:N", scale=role_scale(), legend=None)
    x = _across(int(steps["n"].max()))
    y = alt.Y(
        "accuracy:Q",
        title="accuracy, %",
        scale=alt.Scale(zero=False, padding=8, nice=True),
        axis=alt.Axis(minExtent=AXIS_WIDTH),
    )
    base = alt.Chart(steps).encode(x=x, color=color)
    band = base.mark_area(opacity=0.16).encode(
        y=alt.Y("low:Q", title="accuracy, %"), y2=alt.Y2("high:Q")
    )
    without = base.mark_rule(strokeDash=[2, 3], opacity=0.6).encode(
        x=alt.value(0), x2=alt.value("width"), y="baseline:Q"
    )
    line = base.mark_line().encode(
        y=y, strokeDash=alt.StrokeDash("role:N", scale=DASHES, legend=None)
    )
    dots = (
        base.mark_point(filled=True, size=55, opacity=1, cursor="pointer")
        .encode(
            y=y,
            shape=alt.Shape("role:N", scale=SHAPES, legend=None),
            tooltip=[alt.Tooltip("said:N", title="selection half")],
        )
        .add_params(alt.selection_point(name="n", fields=["n"]))
    )
    last = int(steps["n"].max())
    ends = alt.Chart(steps[steps["n"] == last])
    # Above the line, not beside its end: both panels are then as wide.
    names = ends.mark_text(
        align="left" if last == 1 else "right", dx=8 if last == 1 else -8, dy=-11, fontWeight="bold"
    ).encode(x=x, y=y, text="role:N", color=alt.value(text_colour()))
    layers = [band, without, line, *_chosen(best, steps), dots, names]
    return alt.LayerChart(layer=layers).properties(height=280)


def text_chart(steps: pd.DataFrame, most: int) -> alt.LayerChart:
    """What the same sets add to the loss on ordinary text. Columns: n, text_added (nats a token).

    Its axis goes to `most` features, as that of `build_chart`.
    """
    base = alt.Chart(steps).encode(
        x=_across(most),
        y=alt.Y(
            "text_added:Q",
            title="nats a token",
            axis=alt.Axis(minExtent=AXIS_WIDTH, tickCount=3, format="~g"),
        ),
    )
    none = (
        alt.Chart(pd.DataFrame({"y": [0.0]}))
        .mark_rule(strokeDash=[4, 4], color=CHANCE_GREY)
        .encode(y="y:Q")
    )
    line = base.mark_line(color=RETAIN)
    dots = base.mark_point(filled=True, size=40, opacity=1, color=RETAIN).encode(
        tooltip=["n:Q", alt.Tooltip("text_added:Q", format="+.4f")]
    )
    return (none + line + dots).properties(height=140)


def _across(most: int) -> alt.X:
    most = max(2, most)
    return alt.X(
        "n:Q",
        title="features, together",
        scale=alt.Scale(domain=[1, most], nice=False, padding=8),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False),
    )


def _chosen(best: int | None, steps: pd.DataFrame) -> list[alt.Chart]:
    """A line with its name at the number that was chosen."""
    if best is None:
        return []
    late = best > 0.8 * steps["n"].max()
    at = alt.Chart(pd.DataFrame({"n": [best], "what": [f"chosen: {best}"]}))
    return [
        at.mark_rule(strokeDash=[5, 4], color=CHANCE_GREY).encode(x="n:Q"),
        at.mark_text(
            align="right" if late else "left",
            dx=-5 if late else 5,
            color=text_colour(),
            fontSize=12,
        ).encode(x="n:Q", y=alt.value(alt.expr("height - 9")), text="what:N"),
    ]
