"""Ways to start: shipped presets, the paper's grid of settings, and the user's own."""

import streamlit as st

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.features.rankers import RANKERS, score
from backend.interventions.board import Board, board_of
from backend.interventions.edit import Clamps
from backend.interventions.presets import GRID_C, GRID_N, MAX_NAME, PRESETS, grid_preset
from components import state

RANKS = [name for name, ranker in RANKERS.items() if not ranker.needs_attribution]


def load_preset(engine: Engine, name: str) -> None:
    """Put a shipped preset on the board, the features that fire on most forget questions first."""
    _load(engine, engine.preset(name))


def draw_presets(engine: Engine) -> None:
    for name, preset in PRESETS.items():
        st.button(
            f"{preset.title} ({preset.multiple:+g}x)" if preset.multiple else preset.title,
            key=f"clamp_preset_{name}",
            on_click=load_preset,
            args=(engine, name),
            width="stretch",
        )
        st.caption(preset.how)
    st.markdown("**The paper's grid**")
    rank = st.selectbox(
        "Features ranked by",
        RANKS,
        RANKS.index("paper"),
        key="presets_rank",
        format_func=lambda name: RANKERS[name].title,
    )
    st.caption(RANKERS[rank].what)
    n = st.segmented_control("How many", GRID_N, default=20, key="presets_n") or 20
    c = st.select_slider("Clamped at −c, in raw units", GRID_C, 100, key="presets_c")
    st.button(
        f"Load {n} features at −{c}",
        key="presets_grid",
        on_click=_load_grid,
        args=(engine, rank, n, c),
        width="stretch",
    )
    st.markdown("**Your own**")
    for name, board in engine.saved_presets.all(engine.sae.d_sae).items():
        with st.container(horizontal=True):
            st.button(
                f"{name} ({len(board.sliders)})",
                key=f"presets_load_{name}",
                on_click=state.set_board,
                args=(board,),
                kwargs={"redraw": True},
            )
            st.button(
                "Delete",
                key=f"presets_delete_{name}",
                icon=":material/delete:",
                type="tertiary",
                on_click=engine.saved_presets.delete,
                args=(name,),
            )
    st.text_input(
        "Keep the present board as",
        key="presets_name",
        max_chars=MAX_NAME,
        placeholder="a name",
        on_change=_save,
        args=(engine,),
    )
    if problem := st.session_state.pop("presets_problem", ""):
        st.warning(problem)


def _load_grid(engine: Engine, rank: str, n: int, c: float) -> None:
    scores = score(rank, engine.atlas.table).dropna().sort_values(ascending=False, kind="stable")
    try:
        _load(engine, grid_preset([int(row) for row in scores.index], n, c))
    except BadInput as error:
        st.session_state.presets_problem = str(error)


def _load(engine: Engine, clamps: Clamps) -> None:
    ordered = sorted(clamps, key=lambda clamp: -engine.atlas.about(clamp.feature)["fires_forget"])
    state.set_board(board_of(ordered), redraw=True)


def _save(engine: Engine) -> None:
    if not st.session_state.presets_name.strip():
        return
    try:
        board: Board = state.board()
        engine.saved_presets.save(st.session_state.presets_name, board)
        st.session_state.presets_name = ""
    except BadInput as error:
        st.session_state.presets_problem = str(error)
