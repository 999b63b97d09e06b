"""A setting's change beside that of its controls."""

import altair as alt
import pandas as pd

from components.charts.palette import CHANCE_GREY, role_scale


def controls_chart(effects: pd.DataFrame) -> alt.LayerChart:
    """Change in points of each setting, forget and retain sets under each other.

    `effects` has the columns group, name, role, change, low, high, n; settings of one group share a
    line, and the first group is the user's own.
    """
    groups = list(dict.fromkeys(effects["group"]))
    base = alt.Chart(effects).encode(
        y=alt.Y(
            "group:N",
            sort=groups,
            title=None,
            axis=alt.Axis(labelLimit=260, ticks=False, domain=False),
        ),
        yOffset=alt.YOffset("role:N", sort=["forget", "retain"]),
        color=alt.Color("role:N", scale=role_scale(), title=None, legend=alt.Legend(orient="top")),
        tooltip=[
            "name:N",
            "role:N",
            alt.Tooltip("change:Q", format="+.1f"),
            alt.Tooltip("low:Q", format="+.1f"),
            alt.Tooltip("high:Q", format="+.1f"),
            "n:Q",
        ],
    )
    own = alt.datum.group == groups[0]
    intervals = base.mark_rule(strokeWidth=6, opacity=0.22).encode(
        x=alt.X("low:Q", title="change in points"), x2="high:Q"
    )
    dots = base.mark_point(filled=True, opacity=0.9).encode(
        x=alt.X("change:Q", title="change in points"),
        size=alt.condition(own, alt.value(160), alt.value(60)),
        shape=alt.Shape(
            "role:N",
            scale=alt.Scale(domain=["forget", "retain"], range=["circle", "square"]),
            title=None,
        ),
    )
    none = (
        alt.Chart(pd.DataFrame({"x": [0.0]}))
        .mark_rule(strokeDash=[4, 4], color=CHANCE_GREY)
        .encode(x="x:Q")
    )
    return (none + intervals + dots).properties(height=60 * len(groups) + 70)
