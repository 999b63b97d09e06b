"""The runs as a table, to be narrowed and chosen from."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from components.spreadsheets import csv_of

COLUMNS = [
    "star",
    "name",
    "features",
    "values",
    "method",
    "forget",
    "retain",
    "hypothesis",
    "note",
    "when",
    "clamps",
]
SEARCHED = ["name", "note", "hypothesis", "clamps", "method"]
ONLY = ("starred", "on the front")


def draw_filters() -> tuple[str, list[str]]:
    """The words to find, and which of ONLY."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Find",
            key="runs_find",
            placeholder="in name, note, expectation, clamps or method",
            max_chars=80,
        )
        only = st.pills("Only", ONLY, selection_mode="multi", key="runs_only")
    return words.strip(), only


def narrowed(runs: pd.DataFrame, words: str, only: Sequence[str]) -> pd.DataFrame:
    """The rows of backend.evaluation.history.trial_table that pass both filters."""
    kept = runs[runs["star"]] if "starred" in only else runs
    kept = kept[kept["front"]] if "on the front" in only else kept
    if not words:
        return kept
    texts = (" ".join(map(str, row)) for row in kept[SEARCHED].itertuples(index=False))
    return kept[[words.lower() in text.lower() for text in texts]]


def draw_table(runs: pd.DataFrame) -> str | None:
    """Returns the id of the run whose row is selected, if any."""
    event = st.dataframe(
        runs,
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        column_order=COLUMNS,
        # Another list is another table: a row's number would select another run in it.
        key=f"runs_table_{hash(tuple(runs['id']))}",
        column_config={
            "star": st.column_config.CheckboxColumn("★", width="small"),
            "forget": st.column_config.NumberColumn("Forget", format="%.1f %%"),
            "retain": st.column_config.NumberColumn("Retain", format="%.1f %%"),
            "features": "Features",
            "name": "Name",
            "values": "Values",
            "method": "When they act",
            "note": "Note",
            "when": "When",
            "hypothesis": "Expected",
            "clamps": "Clamps (feature:value)",
        },
    )
    st.download_button(
        "This table as CSV",
        csv_of(runs[COLUMNS]),
        "clampboard_runs.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/download:",
    )
    rows = event.selection.rows
    return runs["id"].iloc[rows[0]] if rows else None
