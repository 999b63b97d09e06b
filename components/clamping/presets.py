"""Ways to start: shipped presets, the paper's grid of settings, and the user's own."""

from collections.abc import Callable

import streamlit as st

from backend import showcase
from backend.engine.engine import Engine
from backend.errors import BadInput, ClampboardError
from backend.experiments.verdict import falls
from backend.features.presets import GRID_C, GRID_N, grid_preset
from backend.features.rankers import RANKERS, score
from backend.interventions.board import Board, board_of
from backend.interventions.method import Setting
from backend.interventions.presets import MAX_NAME
from backend.interventions.rival import TITLES
from components.messages import showcase_off
from components.wording import plain

RANKS = [name for name, ranker in RANKERS.items() if not ranker.needs_attribution]
FIRST = "forget-biology"
"""The preset offered to a user who has clamped nothing yet."""

OnLoad = Callable[[Board], None]


def draw_start(engine: Engine, on_load: OnLoad) -> None:
    """What stands in the place of the sliders while there is none."""
    st.write("Clamp some features: see at once what the model no longer knows, and what that cost.")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            engine.presets[FIRST].title,
            icon=":material/tune:",
            type="primary",
            on_click=_load_preset,
            args=(engine, FIRST, on_load),
            disabled=not engine.preset(FIRST),
        )
        st.page_link("pages/search.py", label="Search features", icon=":material/search:")
    st.caption(plain(known_of(engine, engine.preset(FIRST))))
    with st.expander("What is a feature, and which are these?"):
        st.write(
            "A feature stands for something the model notices as it reads; a clamp sets it to a "
            "chosen value at every token where it fires. What may be forgotten is measured on the "
            "sets to forget, what that costs on the sets to retain."
        )
        st.caption(engine.preset_in_words(FIRST))


def draw_presets(
    engine: Engine,
    problem: str,
    *,
    on_load: OnLoad,
    on_save: Callable[[str], None],
    on_problem: Callable[[str], None],
) -> None:
    """Everything the board can be loaded from, and a way to keep it.

    `on_load` is called with a board to put in the place of the present one, `on_save` with a name
    to keep that under. What goes wrong goes to `on_problem`; `problem` is what went wrong before.
    """
    for name, preset in engine.presets.items():
        setting = engine.preset(name)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                preset.title,
                key=f"clamp_preset_{name}",
                on_click=_load_preset,
                args=(engine, name, on_load),
                disabled=not setting,
            )
            st.caption(f"{counted(len(setting.clamps))}. {plain(known_of(engine, setting))}")
    with st.expander("What each of them takes"):
        for name, preset in engine.presets.items():
            st.caption(f"**{preset.title}.** {engine.preset_in_words(name)}")
    with st.expander("The paper's grid"):
        _draw_grid(engine, on_load, on_problem)
    _draw_own(engine, problem, on_load=on_load, on_save=on_save, on_problem=on_problem)


def counted(n: int) -> str:
    return f"{n} feature{'' if n == 1 else 's'}" if n else "No feature of this SAE fits"


def known_of(engine: Engine, setting: Setting) -> str:
    """What a setting did here, if it was ever run."""
    if not setting:
        return ""
    result = engine.finished(setting)
    if result is None:
        return "Not run here yet."
    forget, retain = falls(result.sets)
    return (
        f"Here: {forget.name} {forget.before} → {forget.after} %, "
        f"{retain.name} {retain.before} → {retain.after} %."
    )


def _draw_grid(engine: Engine, on_load: OnLoad, on_problem: Callable[[str], None]) -> None:
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
        args=(engine, rank, n, c, on_load, on_problem),
        width="stretch",
    )


def _draw_own(
    engine: Engine,
    problem: str,
    *,
    on_load: OnLoad,
    on_save: Callable[[str], None],
    on_problem: Callable[[str], None],
) -> None:
    st.markdown("**Your own**")
    for name, board in engine.saved_presets.all(engine.d_sae).items():
        with st.container(horizontal=True):
            st.button(
                f"{plain(name)} ({holds(board)})",
                key=f"presets_load_{name}",
                on_click=on_load,
                args=(board,),
            )
            st.button(
                "Delete",
                key=f"presets_delete_{name}",
                icon=":material/delete:",
                type="tertiary",
                disabled=showcase.is_on(),
                on_click=_delete,
                args=(engine, name, on_problem),
            )
    if showcase_off():
        return
    st.text_input(
        "Keep the present board as",
        key="presets_name",
        max_chars=MAX_NAME,
        placeholder="a name",
        on_change=_save,
        args=(on_save, on_problem),
    )
    if problem:
        st.warning(plain(problem))


def holds(board: Board) -> str:
    """How many clamps are on a board, and what stands in their place."""
    parts = [str(len(board.sliders))] if board.sliders or board.rival is None else []
    return ", ".join(parts + ([] if board.rival is None else [TITLES[board.rival.kind]]))


def ordered_board(engine: Engine, setting: Setting) -> Board:
    """The features that fire on most forget questions first."""
    clamps, method = setting.clamps, setting.method
    return board_of(
        sorted(clamps, key=lambda clamp: -engine.atlas.about(clamp.feature)["fires_forget"]), method
    )


def _load_preset(engine: Engine, name: str, on_load: OnLoad) -> None:
    on_load(ordered_board(engine, engine.preset(name)))


def _load_grid(
    engine: Engine,
    rank: str,
    n: int,
    c: float,
    on_load: OnLoad,
    on_problem: Callable[[str], None],
) -> None:
    scores = score(rank, engine.atlas.table).dropna().sort_values(ascending=False, kind="stable")
    try:
        clamps = grid_preset([int(row) for row in scores.index], n, c)
    except BadInput as error:
        on_problem(str(error))
    else:
        on_load(ordered_board(engine, Setting(clamps)))


def _save(on_save: Callable[[str], None], on_problem: Callable[[str], None]) -> None:
    if not st.session_state.presets_name.strip():
        return
    try:
        on_save(st.session_state.presets_name)
        st.session_state.presets_name = ""
    except ClampboardError as error:
        on_problem(str(error))


def _delete(engine: Engine, name: str, on_problem: Callable[[str], None]) -> None:
    try:
        engine.saved_presets.delete(name)
    except ClampboardError as error:
        on_problem(str(error))
