"""A gate's statistic along the tokens of a question, with tau as a line."""

import altair as alt
import pandas as pd

from components.charts.palette import CHANCE_GREY, ORANGE
from components.charts.theme import text_colour


def along_chart(rows: pd.DataFrame, tau: float, title: str) -> alt.LayerChart:
    """`rows` has a row a token and sequence: position (from 1), token, statistic, sequence (what it
    is called), state ("open" or "closed").
    """
    base = alt.Chart(rows).encode(
        x=alt.X("position:Q", title="token", axis=alt.Axis(tickMinStep=1, grid=False)),
        y=alt.Y("statistic:Q", title=title),
        detail="sequence:N",
        color=alt.Color(
            "state:N",
            scale=alt.Scale(domain=["open", "closed"], range=[ORANGE, CHANCE_GREY]),
            title=None,
            legend=alt.Legend(orient="top"),
        ),
        strokeDash=alt.StrokeDash(
            "state:N",
            scale=alt.Scale(domain=["open", "closed"], range=[[1, 0], [4, 3]]),
            legend=None,
        ),
        tooltip=[
            "sequence:N",
            "token:N",
            alt.Tooltip("statistic:Q", format=".4f"),
            "position:Q",
        ],
    )
    lines = base.mark_line(strokeWidth=2)
    ends = (
        base.transform_window(last="max(position)", frame=[None, None], groupby=["sequence"])
        .transform_filter("datum.position == datum.last")
        .mark_point(filled=True, size=70, opacity=1)
    )
    line = alt.Chart(pd.DataFrame({"tau": [tau]}))
    rule = line.mark_rule(strokeDash=[6, 3], color=CHANCE_GREY).encode(y="tau:Q")
    name = line.mark_text(align="left", dx=4, dy=-7, fontWeight="bold", color=text_colour()).encode(
        y="tau:Q", x=alt.value(0), text=alt.value("tau")
    )
    return (rule + lines + ends + name).properties(height=220)
