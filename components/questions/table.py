"""The questions behind the board: what became of each, and where clamped features fired."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from backend.evaluation.answers import by_fall
from backend.store import key
from components.spreadsheets import csv_of

CHANGES = ("lost", "gained", "unchanged")
FIRST = ("question", "right", "after", "p_before", "p_after", "change")
"""What can be read without moving the table."""
SHOWN = (*FIRST, "fired", "before", "set", "row", "topic")
GATED = ("opens", "gate")
"""Where the setting has a gate."""


def draw_questions(
    table: pd.DataFrame, features: Sequence[int], name: Callable[[int], str]
) -> int | None:
    """The questions with what became of them, narrowed by the user.

    Columns as backend.evaluation.answers.question_table. `features` are the clamped ones, `name`
    says what they are. Lost questions come first, those whose right answer fell furthest before.
    Returns the row of the table that the user selected, if any.
    """
    counts = table["change"].value_counts()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        change = st.pills(
            "Show",
            CHANGES,
            selection_mode="multi",
            default=["lost", "gained"],
            key="questions_change",
            format_func=lambda c: f"{c} {counts.get(c, 0)}",
        )
        chosen_set = st.selectbox("Set", ["all", *table["set"].unique()], key="questions_set")
        topic = st.selectbox(
            "Topic", ["all", *sorted(table["topic"].unique())], key="questions_topic"
        )
        feature = (
            st.selectbox(
                "Fired feature",
                ["any or none", *features],
                key="questions_feature",
                format_func=lambda f: f if isinstance(f, str) else f"{f} · {name(f)}",
            )
            if features
            else None
        )
    only = feature if isinstance(feature, int) else None
    rows = by_fall(narrowed(table, change, chosen_set, topic, only))
    gated = [column for column in GATED if column in rows]
    rest = [c for c in SHOWN[len(FIRST) :] if features or c != "fired"]
    shown = rows[[*FIRST, *gated, *rest]]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{len(rows)} of {len(table)} questions. "
            "P is the share of the four options' likelihood that the right answer gets. "
            "Select a row to look closer."
        )
        st.space("stretch")
        st.download_button(
            "Download as CSV",
            csv_of(shown),
            "questions.csv",
            "text/csv",
            key="questions_csv",
            icon=":material/download:",
            disabled=rows.empty,
            on_click="ignore",
        )
    event = st.dataframe(
        shown,
        hide_index=True,
        width="stretch",
        height=min(420, 80 + 35 * len(rows)),
        on_select="rerun",
        selection_mode="single-row",
        key=f"questions_table_{key({'rows': rows.index.tolist()})}",
        column_config={
            "question": st.column_config.TextColumn("Question", width=360),
            "right": st.column_config.TextColumn("Right", width=150),
            "after": st.column_config.TextColumn("Chosen with", width=150),
            "p_before": st.column_config.NumberColumn("P before", format="%.2f", width=75),
            "p_after": st.column_config.NumberColumn("P after", format="%.2f", width=75),
            "change": st.column_config.TextColumn("Change", width=80),
            "before": "Chosen without",
            "opens": st.column_config.CheckboxColumn("Gate opens", width="small"),
            "gate": st.column_config.NumberColumn("Statistic", format="%.3f"),
            "row": "Row",
            "fired": st.column_config.TextColumn("Clamped features fired at", width="medium"),
            "set": "Set",
            "topic": "Topic",
        },
    )
    chosen = [row for row in event.selection.rows if row < len(rows)]
    return int(rows.index[chosen[0]]) if chosen else None


def narrowed(
    table: pd.DataFrame, change: Sequence[str], set_title: str, topic: str, feature: int | None
) -> pd.DataFrame:
    """The rows that pass every filter; "all" and None let everything pass."""
    rows = table[table["change"].isin(change)]
    rows = rows if set_title == "all" else rows[rows["set"] == set_title]
    rows = rows if topic == "all" else rows[rows["topic"] == topic]
    return rows if feature is None else rows[[feature in fired for fired in rows["features"]]]
