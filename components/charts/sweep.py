"""A grid of settings: what each forgets against what it keeps."""

import altair as alt
import pandas as pd

from components.charts.palette import CHANCE_GREY, FORGET


def sweep_chart(points: pd.DataFrame, current: pd.DataFrame, tried: pd.DataFrame) -> alt.LayerChart:
    """Accuracy on the retain sets across, on the forget sets up.

    One line for each number of features, through its strengths. `tried` are the settings of the
    history behind it, with forget and retain in percent. The other tables have the columns
    features, multiple, strength, forget and retain with _low and _high, baseline_forget,
    baseline_retain (percent).
    """
    kinds = list(dict.fromkeys(points["features"]))

    def x(field: str = "retain") -> alt.X:
        return alt.X(
            f"{field}:Q",
            scale=alt.Scale(zero=False, padding=14),
            title="retain accuracy, all sets together, %",
        )

    def y(field: str = "forget") -> alt.Y:
        return alt.Y(
            f"{field}:Q", scale=alt.Scale(zero=False, padding=14), title="forget accuracy, %"
        )

    base = alt.Chart(points).encode(
        x=x(),
        y=y(),
        color=alt.Color("features:N", sort=kinds, scale=alt.Scale(scheme="viridis"), title=None),
        tooltip=[
            "features",
            "strength",
            alt.Tooltip("forget:Q", format=".1f"),
            alt.Tooltip("retain:Q", format=".1f"),
        ],
    )
    line = base.mark_line(opacity=0.6).encode(order="multiple:Q")
    across = base.mark_rule(opacity=0.35).encode(x=x("retain_low"), x2="retain_high:Q")
    up = base.mark_rule(opacity=0.35).encode(y=y("forget_low"), y2="forget_high:Q")
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        shape=alt.Shape("features:N", sort=kinds, title=None)
    )
    names = base.mark_text(dx=6, dy=-8, align="left", fontSize=11).encode(text="strength:N")
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
        alt.Chart(tried).mark_point(size=60, color=CHANCE_GREY, opacity=0.5).encode(x=x(), y=y())
    )
    layers = before + across + up + line + dots + names + none + here
    return layers.properties(height=360)
