"""One study: how far it is, its figures by axis, its fronts, and every setting in it."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pandas as pd
import streamlit as st

from backend.data.published import published_points
from backend.engine.engine import Engine
from backend.errors import ClampboardError
from backend.experiments.halves import COST_PP
from backend.interventions.clamps import parse_clamps
from backend.interventions.method import Setting, parse_method, setting_of
from backend.interventions.rival import parse_rival
from backend.setups import load_setup
from backend.studies import Finished
from components.messages import show_problem
from components.spreadsheets import csv_of
from components.studies.cells import AXES, ROLES, cells_of, rival_name
from components.studies.fronts import draw_fronts
from components.studies.maps import change_of, draw_map, said
from components.wording import plain

HALVES = ("all", "selection", "held-out")
EXAMPLE = "python -m backend study demo-grid"


def draw_studies(
    engine: Engine, found: Sequence[Finished], on_open: Callable[[Setting], None]
) -> None:
    """`found` are those that were begun, the newest first; `on_open` is called with a setting of
    the open setup that is wanted on the board.
    """
    if not found:
        st.info("No study was run yet. A study is a grid of settings, run from a shell:")
        st.code(EXAMPLE, language="bash")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by_path = {str(study.path): study for study in found}
        path = st.selectbox(
            "Study",
            list(by_path),
            format_func=lambda path: _line(by_path[path]),
            key="study_chosen",
            width=420,
        )
        half = st.segmented_control(
            "Questions",
            HALVES,
            default="all",
            key="study_half",
            persist_state="session",
            required=True,
            help="What is best is chosen on the selection half, whichever is shown.",
        )
        study = by_path[path]
        if study.n_done < study.n_cells:
            st.button("Refresh", icon=":material/refresh:", key="study_refresh")
    with show_problem():
        _draw_study(engine, study, half or "all", on_open)


def _line(study: Finished) -> str:
    running = "" if study.n_done == study.n_cells else f", {study.n_done:,} of {study.n_cells:,}"
    return f"{study.title} ({study.name}{running})"


def _draw_study(
    engine: Engine, study: Finished, half: str, on_open: Callable[[Setting], None]
) -> None:
    table = study.table
    done = f"{study.n_done:,} of {study.n_cells:,} settings done"
    if study.n_done < study.n_cells:
        st.progress(study.n_done / max(1, study.n_cells), done)
    if table.empty:
        st.info("None of its settings is done yet.")
        return
    cells = cells_of(table, half)
    key = f"{study.path.parent.name}_{len(cells)}_{half}"
    published = _published(cells) if half == "all" else None
    places, picked = {}, {}
    for name, draw in {
        "map": lambda: draw_map(cells, COST_PP, key),
        "front": lambda: draw_fronts(cells, published, key),
        "table": lambda: _draw_table(cells, table, study.name, key),
    }.items():
        picked[name], places[name] = draw(), st.container()
    last = st.session_state.get("study_picked", "")
    chosen = cells[cells["cell"] == picked.get(last)]
    if len(chosen):
        where = {cell.setup: cell.where for cell in study.cells}
        with places[last]:
            _draw_chosen(engine, chosen.iloc[0], where, half, on_open)
    else:
        st.caption("Select a place, a dot or a row to see its figures and to open its setting.")


def _published(cells: pd.DataFrame) -> pd.DataFrame | None:
    """Results of others on the sets of the study's setups, of those that ship."""
    found = []
    for name in cells["setup"].unique():
        with suppress(ClampboardError):  # its file is elsewhere: nobody published anything on it
            found.append(published_points(load_setup(name)))
    return pd.concat(found).drop_duplicates() if found else None


def _draw_table(cells: pd.DataFrame, table: pd.DataFrame, name: str, key: str) -> str | None:
    """Returns the cell whose row is selected, if any."""
    st.header("Every setting", anchor=False)
    shown = table_rows(cells)
    event = st.dataframe(
        shown,
        hide_index=True,
        width="stretch",
        height=min(420, 40 + 35 * len(shown)),
        column_order=[column for column in shown if column != "cell"],
        column_config={
            "forget": st.column_config.NumberColumn("Forget, %", format="%.1f", width=80),
            "forget_said": st.column_config.TextColumn("Change", width=165),
            "retain": st.column_config.NumberColumn("Retain, %", format="%.1f", width=80),
            "retain_said": st.column_config.TextColumn("Change", width=165),
            "text": st.column_config.NumberColumn("Text, nats a token", format="%+.4f", width=125),
        },
        on_select=lambda: st.session_state.update(study_picked="table"),
        selection_mode="single-row",
        key=f"study_table_{key}",
    )
    st.download_button(
        "The whole table as CSV",
        lambda: csv_of(table),
        f"{name}.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/download:",
        help="Every half and every set of questions, a row each.",
    )
    rows = event.selection.rows
    return shown["cell"].iloc[rows[0]] if rows else None


def table_rows(cells: pd.DataFrame) -> pd.DataFrame:
    """One row a setting, with the axes that say something."""
    axes = [axis for axis in AXES if cells[axis].nunique() > 1] or ["setup"]
    shown = cells[["cell", *axes]].rename(columns=AXES)
    if (cells["rival"] != "").any():
        shown["Rival"] = cells["rival"].map(rival_name)
    for role in ROLES:
        shown[role] = 100 * cells[f"{role}_accuracy"]
        shown[f"{role}_said"] = [change_of(cell, role) for _, cell in cells.iterrows()]
    if cells["text_added"].notna().any():
        shown["text"] = cells["text_added"]
    return shown


def _draw_chosen(
    engine: Engine,
    cell: "pd.Series[Any]",
    where: Mapping[str, str],
    half: str,
    on_open: Callable[[Setting], None],
) -> None:
    """`where` says of each setup's name how it is opened."""
    wanted = False
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(named(cell))}**")
            st.space("stretch")
            if cell["setup"] == engine.setup.name:
                wanted = st.button("Open this setting", icon=":material/tune:", key="study_open")
        questions = "all questions" if half == "all" else f"the {half} half"
        st.caption(plain(f"Over {questions}: {said(cell)}."))
        if cell["setup"] != engine.setup.name:
            st.caption(f"Of the setup {plain(cell['setup'])}, which is not open here. Open it by:")
            st.code(f"make app SETUP={shlex.quote(where[cell['setup']])}", language="bash")
    if wanted:
        on_open(setting_of_cell(cell, engine.d_sae))


def named(cell: "pd.Series[Any]") -> str:
    """What a cell is, on one line."""
    what = rival_name(cell["rival"]) or (
        f"{cell['ranking']}, first {cell['features']} at {cell['strength']}, {cell['method']}"
    )
    return f"{cell['setup']}, after block {cell['block']}: {what}"


def setting_of_cell(cell: "pd.Series[Any]", d_sae: int) -> Setting:
    """Raises BadClamps, BadMethod or BadRival."""
    return setting_of(
        parse_clamps(cell["clamps"], d_sae),
        parse_method(cell["method_text"], d_sae),
        parse_rival(cell["rival"]),
    )
