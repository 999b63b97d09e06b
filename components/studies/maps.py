"""A figure over two axes of a study, the others fixed or at their best."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from backend.wording import percent, points, signed
from components.charts.study import coloured, heat_map
from components.pictures import show_chart
from components.studies.cells import (
    AXES,
    ROLES,
    SHOWN,
    Figure,
    at,
    best_over,
    values_of,
    varying,
)

BEST = "the best of all"


class Map(NamedTuple):
    """What is drawn over what."""

    figure: Figure
    x: str
    y: str | None
    fixed: Mapping[str, str]
    """Axis -> value, of the others; those that are not in it are at their best."""


def draw_map(cells: pd.DataFrame, cost_pp: float, key: str) -> str | None:
    """Returns the cell that is selected, if any. `cost_pp` is what the best may cost."""
    axes = varying(cells)
    if not axes:
        return None
    st.header("Over two axes", anchor=False)
    drawn = _draw_form(cells, axes)
    placed = placed_on(cells, drawn, cost_pp)
    left = [AXES[axis].lower() for axis in axes if axis not in (drawn.x, drawn.y, *drawn.fixed)]
    if placed.empty:
        st.info(f"Every setting there costs more than {cost_pp:g} points of the retain questions.")
        return None
    rows = map_rows(placed, drawn)
    event = show_chart(
        heat_map(
            rows,
            AXES[drawn.x],
            AXES[drawn.y] if drawn.y else "",
            values_of(cells, drawn.x),
            values_of(cells, drawn.y) if drawn.y else [""],
        ),
        "study_map",
        on_select=lambda: st.session_state.update(study_picked="map"),
        selection_mode="cell",
        key=f"study_map_{key}_{hash((drawn.figure, drawn.x, drawn.y, *drawn.fixed.items()))}",
        alt=f"{drawn.figure.title} by {AXES[drawn.x]}{f' and {AXES[drawn.y]}' if drawn.y else ''}.",
    )
    best = (
        f" Each place shows the best over {' and '.join(left)}: what forgets most on the selection "
        f"half and costs at most {cost_pp:g} points there. Empty: all cost more, or none is done."
        if left
        else " Empty: not done yet."
    )
    st.caption(f"{_unit(drawn.figure, placed)}{best}")
    picked = event.selection.get("cell", [])
    return picked[0].get("cell") if picked else None


def _draw_form(cells: pd.DataFrame, axes: list[str]) -> Map:
    titles = {figure.title: figure for figure in SHOWN}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        figure = st.selectbox("Figure", list(titles), key="study_figure", width=180)
        x = st.selectbox(
            "Across",
            axes,
            axes.index("strength") if "strength" in axes else 0,
            format_func=AXES.__getitem__,
            key="study_x",
            width=150,
        )
        others = [axis for axis in axes if axis != x]
        y = None
        if others:
            y = st.selectbox(
                "Down",
                others,
                others.index("features") if "features" in others else 0,
                format_func=AXES.__getitem__,
                key=f"study_y_{x}",
                width=150,
            )
        fixed: dict[str, str] = {}
        for axis in others:
            if axis == y:
                continue
            value = st.selectbox(
                AXES[axis],
                [BEST, *values_of(cells, axis)],
                key=f"study_fixed_{axis}",
                width=220,
            )
            fixed |= {} if value == BEST else {axis: value}
    return Map(titles[figure], x, y, fixed)


def placed_on(cells: pd.DataFrame, drawn: Map, cost_pp: float) -> pd.DataFrame:
    """One cell a place: the only one there, or the best."""
    mine = at(cells, drawn.fixed)
    on = [drawn.x, *([drawn.y] if drawn.y else [])]
    if not mine.duplicated(on).any():
        return mine
    return best_over(mine, on, cost_pp)


def map_rows(placed: pd.DataFrame, drawn: Map) -> pd.DataFrame:
    """For the chart."""
    figure = drawn.figure
    values = placed[f"{figure.role}_{figure.column}"]
    change = figure.column == "change_pp"
    rows = pd.DataFrame(
        {
            "x": placed[drawn.x],
            "y": placed[drawn.y] if drawn.y else "",
            "text": [signed(v) if change else f"{100 * v:.1f}" for v in values],
            "cell": placed["cell"],
            "said": [said(cell) for _, cell in placed.iterrows()],
        }
    )
    return rows.join(coloured(values, figure.ramp))


def said(cell: "pd.Series[Any]") -> str:
    """A cell's figures in words."""
    return "; ".join(
        f"{role} {percent(cell[f'{role}_accuracy'])}, {change_of(cell, role)}, "
        f"n {int(cell[f'{role}_n'])}"
        for role in ROLES
    )


def change_of(cell: "pd.Series[Any]", role: str) -> str:
    return points(*(cell[f"{role}_{f}"] for f in ("change_pp", "ci_low_pp", "ci_high_pp")))


def _unit(figure: Figure, placed: pd.DataFrame) -> str:
    n = placed[f"{figure.role}_n"]
    over = f"over {int(n.min()):,}" + (f" to {int(n.max()):,}" if n.min() < n.max() else "")
    what = "points" if figure.column == "change_pp" else "%"
    before = 100 * placed[f"{figure.role}_baseline_accuracy"]
    without = f"{before.min():.1f}" + (
        f" to {before.max():.1f}" if before.min() < before.max() else ""
    )
    return f"{figure.title} in {what}, {over} {figure.role} questions; without clamps {without} %."
