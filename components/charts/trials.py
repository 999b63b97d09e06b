"""Every setting tried as a dot: what was forgotten against what was kept."""

import altair as alt
import pandas as pd

from backend.evaluation.history import KEPT
from components.charts.palette import CHANCE_GREY, KINDS, RETAIN, kind_scales

NAMES = {"forget": "forget accuracy, %", "retain": "retain accuracy, all retain sets together, %"}
PUBLISHED = "published"
"""The kind of what others measured."""


def trials_chart(
    trials: pd.DataFrame,
    current: str | None,
    baseline_retain: float,
    published: pd.DataFrame | None = None,
    height: int = 360,
) -> alt.LayerChart:
    """Low and right is good: forgotten, and nothing else lost. A shape and a colour for each kind,
    named above; steps join what no other of its kind beats.

    `trials` as backend.evaluation.history.trial_table gives it; `current` is the id of the setting
    on the board. `published` has name, forget and retain, in percent. Selecting a dot sets the
    parameter "run".
    """
    others = pd.DataFrame() if published is None else published.assign(kind=PUBLISHED)
    colours, shapes = kind_scales({*trials["kind"], *others.get("kind", ())})
    legend = alt.Legend(orient="top", title=None, columns=4, symbolStrokeWidth=2, symbolOpacity=1)
    colour = alt.Stroke("kind:N", scale=colours, legend=legend)
    shape = alt.Shape("kind:N", scale=shapes, legend=legend)
    accuracies = [alt.Tooltip("forget:Q", format=".1f"), alt.Tooltip("retain:Q", format=".1f")]
    across = alt.X(
        "retain:Q",
        scale=alt.Scale(zero=False, padding=14, nice=False),
        axis=alt.Axis(tickCount=8),
        title=NAMES["retain"],
    )
    up = alt.Y(
        "forget:Q",
        scale=alt.Scale(zero=False, padding=14, nice=False),
        axis=alt.Axis(tickCount=6),
        title=NAMES["forget"],
    )
    base = alt.Chart(trials).encode(
        x=across, y=up, tooltip=["name:N", "kind:N", "features:Q", *accuracies, "note:N"]
    )
    spread = [
        base.mark_rule(opacity=0.3, color=CHANCE_GREY).encode(x="retain_low:Q", x2="retain_high:Q"),
        base.mark_rule(opacity=0.3, color=CHANCE_GREY).encode(y="forget_low:Q", y2="forget_high:Q"),
    ]
    kept = alt.Chart(pd.DataFrame({"x": [KEPT * baseline_retain], "what": ["99 % of retain kept"]}))
    line = kept.mark_rule(strokeDash=[5, 4], color=RETAIN).encode(x="x:Q")
    line_name = kept.mark_text(align="right", dx=-5, color=RETAIN, fontSize=12).encode(
        x="x:Q", y=alt.value(10), text="what:N"
    )
    fronts = (
        alt.Chart(trials[trials["front"]])
        .mark_line(interpolate="step-before", opacity=0.7, strokeWidth=1.5)
        .encode(x="retain:Q", y="forget:Q", order="retain:Q", stroke=colour)
    )
    dots = (
        base.mark_point(strokeWidth=2, size=80, opacity=1, cursor="pointer")
        .encode(stroke=colour, shape=shape, fill=alt.value("transparent"))
        .add_params(alt.selection_point(name="run", fields=["id"]))
    )
    # Plain values: a scale of its own would fill the legend's marks too.
    now = [
        base.transform_filter(alt.datum.id == current).mark_point(
            shape=mark.shape, size=230, color=mark.colour, filled=True, opacity=1
        )
        for mark in (KINDS[kind] for kind in trials["kind"][trials["id"] == current])
    ]
    layers = [line, line_name, *spread, fronts, dots, *now]
    if len(others):
        theirs = alt.Chart(others).mark_point(strokeWidth=1, opacity=0.7)
        layers.insert(
            0,
            theirs.encode(
                x="retain:Q",
                y="forget:Q",
                stroke=colour,
                shape=shape,
                tooltip=["name:N", *accuracies],
            ),
        )
    return alt.LayerChart(layer=layers).properties(height=height)
