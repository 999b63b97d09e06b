"""Charts and tables from which one thing can be picked, unless they are still growing."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from components.pictures import show_chart

ROW, HEAD = 35, 40
"""Pixels of a table's row and of its head."""


def draw_chart(chart: alt.LayerChart, said: str, field: str, key: str | None) -> int | None:
    """Returns the field of the dot that is selected, if any: the chart has a parameter of that
    name. `said` is what the chart shows, for who does not see it. Without a `key` nothing can be
    picked: while it grows a chart is drawn several times in one run.
    """
    if key is None:
        st.altair_chart(chart, width="stretch", alt=said)
        return None
    event = show_chart(chart, key, alt=said, key=key, on_select="rerun", selection_mode=field)
    dots = event.selection.get(field, [])
    return int(dots[0][field]) if dots and field in dots[0] else None


def draw_table(
    table: pd.DataFrame, columns: Mapping[str, Any], field: str, key: str | None, most: int = 380
) -> int | None:
    """The columns of a table, at most so many pixels high. Returns the field of the row that is
    selected, if any; without a `key` none can be.
    """
    height = min(most, HEAD + ROW * len(table))
    if key is None:
        st.dataframe(
            table,
            hide_index=True,
            width="stretch",
            height=height,
            column_order=list(columns),
            column_config=columns,
        )
        return None
    event = st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=height,
        column_order=list(columns),
        column_config=columns,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
    )
    rows = [row for row in event.selection.rows if row < len(table)]
    return int(table[field].iloc[rows[0]]) if rows else None
