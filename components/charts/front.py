"""Settings that were tried by a search: what each forgets against what it keeps."""

import altair as alt
import pandas as pd

from components.charts.palette import CHANCE_GREY, RETAIN, Mark, scales
from components.charts.theme import text_colour


def tried_chart(
    tried: pd.DataFrame,
    marks: dict[str, Mark],
    limit: float,
    limit_name: str,
    best_name: str,
) -> alt.LayerChart:
    """Retain accuracy across, forget accuracy up, on the selection half; a mark for each kind,
    named above; steps join what no other beats.

    Columns: number, kind, forget, retain (percent), front, best, said. `marks` are those of the
    kinds; `limit` is the retain accuracy, in percent, that is to be kept, and `limit_name` says so;
    `best_name` stands at the best. Selecting a dot sets the parameter "number".
    """
    there = {kind: mark for kind, mark in marks.items() if kind in set(tried["kind"])}
    colours, shapes = scales(there)
    legend = alt.Legend(orient="top", title=None, columns=4, symbolStrokeWidth=2, symbolOpacity=1)
    colour = alt.Stroke("kind:N", scale=colours, legend=legend)
    shape = alt.Shape("kind:N", scale=shapes, legend=legend)
    across = alt.X(
        "retain:Q",
        scale=alt.Scale(zero=False, padding=14, nice=False),
        axis=alt.Axis(tickCount=8),
        title="retain accuracy, %",
    )
    up = alt.Y(
        "forget:Q", scale=alt.Scale(zero=False, padding=14, nice=False), title="forget accuracy, %"
    )
    kept = alt.Chart(pd.DataFrame({"x": [limit], "what": [limit_name]}))
    line = kept.mark_rule(strokeDash=[5, 4], color=RETAIN).encode(x="x:Q")
    line_name = kept.mark_text(align="right", dx=-5, color=text_colour(), fontSize=12).encode(
        x="x:Q", y=alt.value(10), text="what:N"
    )
    front = (
        alt.Chart(tried[tried["front"]])
        .mark_line(interpolate="step-before", color=CHANCE_GREY, strokeWidth=1.5)
        .encode(x="retain:Q", y="forget:Q", order="retain:Q")
    )
    dots = (
        alt.Chart(tried)
        .mark_point(strokeWidth=2, size=70, opacity=1, cursor="pointer")
        .encode(
            x=across,
            y=up,
            stroke=colour,
            shape=shape,
            fill=alt.value("transparent"),
            tooltip=[alt.Tooltip("said:N", title="selection half")],
        )
        .add_params(alt.selection_point(name="number", fields=["number"]))
    )
    # Plain values: a scale of its own would fill the legend's marks too.
    best = tried[tried["best"]]
    chosen = [
        alt.Chart(best[best["kind"] == kind])
        .mark_point(shape=there[kind].shape, color=there[kind].colour, filled=True, size=230)
        .encode(x=across, y=up, opacity=alt.value(1))
        for kind in dict.fromkeys(best["kind"])
    ]
    right = bool(len(best)) and best["retain"].max() > tried["retain"].mean()
    name = (
        alt.Chart(best.assign(what=best_name))
        .mark_text(
            align="right" if right else "left",
            dx=-12 if right else 12,
            dy=12,
            fontSize=12,
            color=text_colour(),
        )
        .encode(x=across, y=up, text="what:N")
    )
    layers = [line, line_name, front, dots, *chosen, name]
    return alt.LayerChart(layer=layers).properties(height=360)
