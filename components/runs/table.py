"""The runs as a table, to be narrowed and chosen from."""

from collections.abc import Collection, Sequence

import pandas as pd
import streamlit as st

from backend.evaluation.history import KINDS
from components.spreadsheets import csv_of

COLUMNS = [
    "star",
    "name",
    "kind",
    "features",
    "values",
    "method",
    "forget",
    "retain",
    "hypothesis",
    "note",
    "when",
    "clamps",
    "rival",
]
SEARCHED = ["name", "kind", "note", "hypothesis", "clamps", "method", "rival"]
ONLY = ("starred", "on the front")


def draw_filters(kinds: Collection[str]) -> tuple[str, list[str], list[str]]:
    """The words to find, which of ONLY, and which of the kinds there are; none of them is all."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Find",
            key="runs_find",
            placeholder="in name, note, expectation, clamps, method or rival",
            max_chars=80,
        )
        only = st.pills(
            "Only",
            ONLY,
            selection_mode="multi",
            key="runs_only",
            help="On the front: no other of its kind forgets as much and keeps as much.",
        )
        there: list[str] = [kind for kind in KINDS if kind in kinds]
        of_kinds = (
            st.pills("Kind", there, selection_mode="multi", key="runs_kinds")
            if len(there) > 1
            else []
        )
    return words.strip(), only, of_kinds


def narrowed(
    runs: pd.DataFrame, words: str, only: Sequence[str], kinds: Sequence[str] = ()
) -> pd.DataFrame:
    """The rows of backend.evaluation.history.trial_table that pass all filters."""
    kept = runs[runs["star"]] if "starred" in only else runs
    kept = kept[kept["front"]] if "on the front" in only else kept
    kept = kept[kept["kind"].isin(kinds)] if kinds else kept
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
            "kind": "Kind",
            "values": "Values",
            "method": "When they act",
            "note": "Note",
            "when": "When",
            "hypothesis": "Expected",
            "clamps": "Clamps (feature:value)",
            "rival": "Rival, as in a link",
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
