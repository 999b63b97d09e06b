"""What forgets most for what it costs, one line for each value of an axis."""

import pandas as pd
import streamlit as st

from components.charts.study import fronts_chart
from components.pictures import show_chart
from components.studies.cells import AXES, group_of, on_front, varying
from components.studies.maps import said


def draw_fronts(cells: pd.DataFrame, published: pd.DataFrame | None, key: str) -> str | None:
    """Returns the cell whose dot is selected, if any."""
    st.header("Fronts", anchor=False)
    axes = varying(cells) or ["ranking"]
    first = next((axis for axis in ("ranking", "block", "setup") if axis in axes), axes[0])
    axis = st.segmented_control(
        "A line for each",
        axes,
        default=first,
        format_func=lambda axis: AXES[axis].lower(),
        key="study_group",
        required=True,
    )
    rows = front_rows(cells, axis or first)
    event = show_chart(
        fronts_chart(rows, published),
        "study_fronts",
        on_select=lambda: st.session_state.update(study_picked="front"),
        selection_mode="cell",
        key=f"study_fronts_{key}_{axis}",
        alt="Every setting of the study: retain accuracy across, forget accuracy up.",
    )
    crosses = (
        " Grey crosses: results of others on the same sets."
        if published is not None and len(published)
        else ""
    )
    st.caption(
        f"{len(rows):,} settings. Lower and further right is better. A line joins those that no "
        f"other of its {AXES[axis or first].lower()} beats on the selection half.{crosses}"
    )
    picked = event.selection.get("cell", [])
    return picked[0].get("cell") if picked else None


def front_rows(cells: pd.DataFrame, axis: str) -> pd.DataFrame:
    """For the chart."""
    rows = pd.DataFrame(
        {
            "group": group_of(cells, axis),
            "forget": 100 * cells["forget_accuracy"],
            "retain": 100 * cells["retain_accuracy"],
            "cell": cells["cell"],
            "said": [said(cell) for _, cell in cells.iterrows()],
        }
    )
    fronts = [on_front(cells[rows["group"] == group]) for group in dict.fromkeys(rows["group"])]
    rows["front"] = pd.concat(fronts).reindex(rows.index)
    return rows
