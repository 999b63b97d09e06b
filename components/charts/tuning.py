"""Multipliers tuned step by step: the way of the setting, and the objective it follows."""

import altair as alt
import pandas as pd

from components.charts.palette import CHANCE_GREY, FORGET
from components.charts.theme import text_colour

PATH = "#7a3ff2"
"""Of the way: neither role's."""


def path_chart(moves: pd.DataFrame, best: int | None = None) -> alt.LayerChart:
    """Retain accuracy across, forget accuracy up, on the selection half: a line through the steps.

    Columns: step (0 is where it began), forget, retain (percent), baseline_forget,
    baseline_retain, said. `best` is the step that was chosen. Selecting a dot sets the parameter
    "step".
    """
    across = alt.X("retain:Q", scale=_around(moves, "retain"), title="retain accuracy, %")
    up = alt.Y("forget:Q", scale=_around(moves, "forget"), title="forget accuracy, %")
    base = alt.Chart(moves).encode(x=across, y=up)
    line = base.mark_line(color=PATH, opacity=0.6).encode(order="step:Q")
    dots = (
        base.mark_point(size=45, filled=True, color=PATH, opacity=0.9, cursor="pointer")
        .encode(tooltip=[alt.Tooltip("said:N", title="selection half")])
        .add_params(alt.selection_point(name="step", fields=["step"]))
    )
    none = (
        alt.Chart(moves.head(1))
        .mark_point(shape="square", size=110, color=CHANCE_GREY, strokeWidth=2)
        .encode(x=alt.X("baseline_retain:Q"), y=alt.Y("baseline_forget:Q"))
    )
    marked = _marked(moves, best)
    ends = alt.Chart(marked)
    marks = ends.mark_point(shape="diamond", size=190, filled=True, color=FORGET, opacity=1).encode(
        x=across, y=up
    )
    names = ends.mark_text(align="left", dx=10, dy=-10, fontSize=12, color=text_colour()).encode(
        x=across, y=up, text="what:N"
    )
    layers = [none, line, dots, marks, names]
    return alt.LayerChart(layer=layers).properties(height=320)


def objective_chart(moves: pd.DataFrame, best: int | None = None) -> alt.LayerChart:
    """The objective on the stopping split by step. Columns: step, loss."""
    base = alt.Chart(moves).encode(
        x=alt.X(
            "step:Q",
            scale=alt.Scale(domain=[0, max(1, int(moves["step"].max()))], nice=False, padding=8),
            axis=alt.Axis(tickMinStep=1, format="d", grid=False),
        ),
        y=alt.Y(
            "loss:Q",
            title="objective",
            scale=alt.Scale(zero=False, padding=6),
            axis=alt.Axis(tickCount=4, format="~g"),
        ),
    )
    line = base.mark_line(color=PATH)
    dots = base.mark_point(filled=True, size=40, color=PATH, opacity=1).encode(
        tooltip=["step:Q", alt.Tooltip("loss:Q", format=".4f")]
    )
    chosen = (
        alt.Chart(moves[moves["step"] == best])
        .mark_point(shape="diamond", size=190, filled=True, color=FORGET, opacity=1)
        .encode(x="step:Q", y="loss:Q")
    )
    return alt.LayerChart(layer=[line, dots, chosen]).properties(height=130)


def _around(moves: pd.DataFrame, role: str) -> alt.Scale:
    """All steps and the model without clamps; some points also where nothing moves."""
    seen = moves[[role, f"baseline_{role}"]]
    return alt.Scale(domain=[seen.min(axis=None) - 1, seen.max(axis=None) + 1], nice=False)


def _marked(moves: pd.DataFrame, best: int | None) -> pd.DataFrame:
    """Where it began, where it is, and what was chosen, each with its name; a place has one name,
    of all that stand there.
    """
    last = int(moves["step"].max())
    names = {0: "begin"} | ({last: f"step {last}"} if last else {})
    if best is not None:
        names[best] = "begin, chosen" if best == 0 else f"chosen: {best}"
    marked = moves[moves["step"].isin(names)]
    marked = marked.assign(what=[names[int(step)] for step in marked["step"]])
    return marked.groupby(["retain", "forget"], sort=False, as_index=False).agg(
        {"what": ", ".join, "step": "last"}
    )
