"""Every setting tried as a dot: what was forgotten against what was kept."""

import altair as alt
import pandas as pd

from backend.evaluation.history import KEPT
from components.charts.palette import CHANCE_GREY, FORGET, RETAIN

NAMES = {"forget": "forget accuracy, %", "retain": "retain accuracy, all retain sets together, %"}


def trials_chart(
    trials: pd.DataFrame,
    current: str | None,
    baseline_retain: float,
    published: pd.DataFrame | None = None,
    height: int = 340,
) -> alt.LayerChart:
    """Low and right is good: forgotten, and nothing else lost.

    `trials` as backend.evaluation.history.trial_table gives it; `current` is the id of the setting
    on the board. `published` has name, forget and retain, in percent. Selecting a dot sets the
    parameter "run".
    """
    table = trials.assign(
        state=["now" if id_ == current else "tried" for id_ in trials["id"]]
    ).sort_values("state", ascending=False)
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
    base = alt.Chart(table).encode(
        x=across, y=up, tooltip=["name:N", "features:Q", *accuracies, "note:N"]
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
    best = (
        alt.Chart(table[table["front"]])
        .mark_line(color=FORGET, interpolate="step-before", opacity=0.7)
        .encode(x="retain:Q", y="forget:Q", order="retain:Q")
    )
    dots = (
        base.mark_point(strokeWidth=2, color=FORGET, cursor="pointer")
        .encode(
            fill=alt.condition(
                alt.datum.state == "now", alt.value(FORGET), alt.value("transparent")
            ),
            size=alt.condition(alt.datum.state == "now", alt.value(230), alt.value(80)),
        )
        .add_params(alt.selection_point(name="run", fields=["id"]))
    )
    layers = [line, line_name, *spread, best, dots]
    if published is not None and len(published):
        others = alt.Chart(published).mark_point(shape="diamond", color=CHANCE_GREY, opacity=0.6)
        layers.insert(0, others.encode(x="retain:Q", y="forget:Q", tooltip=["name:N", *accuracies]))
    return alt.LayerChart(layer=layers).properties(height=height)
