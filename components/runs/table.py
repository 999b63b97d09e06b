"""The runs as a table, to be narrowed and chosen from."""

from collections.abc import Collection, Mapping, Sequence

import pandas as pd
import streamlit as st

from backend.evaluation.history import KINDS
from backend.wording import signed
from components.spreadsheets import csv_of

COLUMNS = [
    "star",
    "name",
    "forget_change",
    "retain_change",
    "held_out",
    "controls",
    "note",
    "when",
]
MORE = [
    "kind",
    "features",
    "strength",
    "method",
    "forget",
    "retain",
    "hypothesis",
    "clamps",
    "rival",
]
"""Columns that are shown when asked for."""
FIGURES = ["forget_change", "retain_change", "held_out"]
SEARCHED = ["name", "kind", "note", "hypothesis", "clamps", "method", "rival"]
ONLY = ("starred", "on the front")
ORDERS: dict[str, tuple[str, bool]] = {
    "newest first": ("when", False),
    "most forgotten first": ("forget_change", True),
    "least cost first": ("retain_change", False),
    "most forgotten, held-out half": ("held_forget", True),
    "name": ("name", True),
}
"""By which column, and whether it ascends."""
ROW, LEAST, MOST = 35, 3, 14
"""Height of a row in pixels; rows that are shown before the table scrolls."""
NOT_RUN = "not run"


class Change(float):
    """Points that are sorted as a number and shown as a text."""

    said: str

    def __new__(cls, value: float, said: str) -> "Change":
        made = super().__new__(cls, value)
        made.said = said
        return made

    def __str__(self) -> str:
        return self.said


def draw_filters(
    kinds: Collection[str], swept: int = 0
) -> tuple[str, list[str], list[str], bool, str]:
    """The words to find, which of ONLY, which of the kinds there are (none of them is all), whether
    the points of sweeps are among them (of which there are `swept`), and which of ORDERS.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Find",
            key="runs_find",
            placeholder="in name, note, expectation, clamps, method or rival",
            max_chars=80,
        )
        order = st.selectbox("Order", list(ORDERS), key="runs_order", width=240)
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
        with_swept = bool(swept) and st.toggle(
            f"With {swept} sweep point{'s' * (swept != 1)}", key="runs_swept"
        )
    return words.strip(), only, of_kinds, with_swept, order


def narrowed(
    runs: pd.DataFrame,
    words: str,
    only: Sequence[str],
    kinds: Sequence[str] = (),
    swept: bool = True,
    order: str = "newest first",
) -> pd.DataFrame:
    """The rows of backend.evaluation.history.trial_table, newest first, that pass all filters."""
    kept = runs[runs["star"]] if "starred" in only else runs
    kept = kept[kept["front"]] if "on the front" in only else kept
    kept = kept[kept["kind"].isin(kinds)] if kinds else kept
    kept = kept if swept else kept[~kept["swept"]]
    if words:
        texts = (" ".join(map(str, row)) for row in kept[SEARCHED].itertuples(index=False))
        kept = kept[[words.lower() in text.lower() for text in texts]]
    column, ascending = ORDERS[order]
    if column == "when":
        return kept
    return kept.sort_values(column, ascending=ascending, kind="stable", na_position="last")


def with_words(runs: pd.DataFrame, controls: Mapping[str, str]) -> pd.DataFrame:
    """The same for people: changes with their intervals, and what is known of the controls of each
    run, by its id.
    """
    said = {
        **{
            f"{role}_change": [
                Change(*pair)
                for pair in zip(runs[f"{role}_change"], runs[f"{role}_said"], strict=True)
            ]
            for role in ("forget", "retain")
        },
        "held_out": [
            Change(forget, f"{signed(forget)} / {signed(retain)} pp")
            for forget, retain in zip(runs["held_forget"], runs["held_retain"], strict=True)
        ],
        "controls": [controls.get(id_, NOT_RUN) for id_ in runs["id"]],
    }
    return runs.assign(**{name: pd.Series(v, runs.index, dtype=object) for name, v in said.items()})


def draw_table(runs: pd.DataFrame) -> str | None:
    """Returns the id of the run whose row is selected, if any. `runs`: as `with_words` gives it."""
    more = st.toggle("More columns", key="runs_more", persist_state="session")
    shown = [*COLUMNS, *MORE] if more else COLUMNS
    event = st.dataframe(
        runs.style.format(str, subset=FIGURES),
        hide_index=True,
        width="stretch",
        # The scroll bar at the foot lies over the last row unless it has a place of its own.
        height=ROW * (min(max(len(runs), LEAST), MOST) + 1) + 20,
        on_select="rerun",
        selection_mode="single-row",
        column_order=shown,
        # Another list is another table: a row's number would select another run in it.
        key=f"runs_table_{hash(tuple(runs['id']))}",
        column_config={
            "star": st.column_config.CheckboxColumn("★", width=40),
            "name": st.column_config.TextColumn("Name", width=240),
            "forget_change": st.column_config.NumberColumn("Change of forget [95 %]", width=150),
            "retain_change": st.column_config.NumberColumn("Change of retain [95 %]", width=150),
            "held_out": st.column_config.NumberColumn("Held-out: forget / retain", width=160),
            "controls": st.column_config.TextColumn(
                "Controls",
                width=205,
                help="How much of what is forgotten random features forget as well.",
            ),
            "forget": st.column_config.NumberColumn("Forget", format="%.1f %%"),
            "retain": st.column_config.NumberColumn("Retain", format="%.1f %%"),
            "features": "Features",
            "kind": "Kind",
            "strength": "Strength (of the maximum)",
            "method": "When they act",
            "note": st.column_config.TextColumn("Note", width=140),
            "when": st.column_config.TextColumn("When", width=122),
            "hypothesis": "Expected",
            "clamps": "Clamps (feature:value)",
            "rival": "Rival, as in a link",
        },
    )
    st.download_button(
        "This table as CSV",
        csv_of(for_file(runs)),
        "clampboard_runs.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/download:",
    )
    rows = event.selection.rows
    return runs["id"].iloc[rows[0]] if rows else None


def for_file(runs: pd.DataFrame) -> pd.DataFrame:
    """All columns, the figures as numbers, with the ends of their 95 % intervals."""
    figures = [
        f"{role}_change{end}" for role in ("forget", "retain") for end in ("", "_low", "_high")
    ]
    figures += ["held_forget", "held_retain"]
    words = [column for column in [*COLUMNS, *MORE] if column not in FIGURES]
    return pd.concat([runs[words], runs[figures].astype(float)], axis=1)
