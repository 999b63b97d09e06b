"""Let the machine look for a setting: a set built up, sliders tuned, or settings searched.

The work is the last thing of the page, so that whatever is done on it stops it.
"""

from dataclasses import replace
from functools import partial

import streamlit as st

from backend.engine.engine import Engine
from backend.features.table import answered_right
from backend.interventions.board import board_of
from backend.interventions.method import Setting
from backend.tuning.multipliers import Tuner
from components import state
from components.clamping.sliders import edited
from components.frame import require_frame
from components.messages import show_errors
from components.session import begin
from components.tuning.build import draw_build
from components.tuning.multipliers import Hears, draw_multipliers
from components.tuning.search import draw_search
from components.tuning.tuning import Job, Tuning, moved_board
from components.wording import plain

require_frame()
BUILD, MULTIPLIERS, SEARCH = "Build a set", "Tune the multipliers", "Search settings"
WHY = {
    BUILD: "Candidates by attribution, each tested alone; the harmless ones are put together, "
    "those that cost least on text first (Farrell et al. 2024).",
    MULTIPLIERS: "Each slider follows the gradient: right answers to forget questions become less "
    "likely, answers to retain questions stay. A third of the selection half chooses the step.",
    SEARCH: "Rankings, numbers of features, strengths and gates, proposed by what the last ones "
    "brought (Optuna). What was tried stays known.",
}


def put(setting: Setting) -> None:
    state.set_board(board_of(*setting))
    st.switch_page("pages/clamp.py")


def put_moved(setting: Setting) -> None:
    """A step's values, on the sliders that were tuned."""
    tuning = state.so_far("multipliers")
    assert isinstance(tuning, Tuning)
    state.set_board(moved_board(tuning.job.board, setting))
    st.switch_page("pages/clamp.py")


def undo() -> None:
    state.work("multipliers").ask(None)
    state.undo()


def redo() -> None:
    state.work("multipliers").ask(None)
    state.redo()


def keep_edit() -> None:
    """A slider moved by hand: the machine lets go of them."""
    state.work("multipliers").ask(None)
    board = edited(state.board(), "multipliers_sliders")
    state.set_board(replace(board, rival=None), redraw=False)


def open_feature(feature: int) -> None:
    state.open_feature(feature)
    st.switch_page("pages/feature.py")


def keep_moved(tuning: Tuning) -> None:
    state.set_so_far("multipliers", tuning)
    state.move_board(tuning.board, first=len(tuning.moves) == 1)


def tuner_of(engine: Engine, job: Job) -> Tuner:
    return state.kept(
        "tuner", job, lambda: Tuner(engine, job.board.setting(), job.aim, resume=True)
    )


def nothing_known(engine: Engine) -> bool:
    """Whether no forget question of the selection half is answered right without clamps."""
    right = answered_right(engine.sets, engine.recording)
    return not (right & engine.sets.role("forget") & engine.half("selection")).any()


with show_errors():
    engine = begin()
with st.container(horizontal=True, vertical_alignment="bottom"):
    st.title("Tune", anchor=False)
    st.space("stretch")
    why = st.empty()
    st.button(
        "Undo",
        icon=":material/undo:",
        on_click=undo,
        disabled=not state.can_undo(),
        shortcut="Ctrl+Z",
    )
    st.button(
        "Redo",
        icon=":material/redo:",
        on_click=redo,
        disabled=not state.can_redo(),
        shortcut="Ctrl+Shift+Z",
    )
state.write_address()
if state.link_error():
    st.warning(plain(state.link_error()), icon=":material/link_off:")
st.write("The machine looks for a setting: it chooses on one half of the questions.")
way = st.segmented_control(
    "Way",
    list(WHY),
    default=BUILD,
    key="tune_way",
    persist_state="session",
    required=True,
    label_visibility="collapsed",
)
with why.popover("Why", icon=":material/help:"):
    st.write(WHY[way or BUILD])
    st.write(
        "It chooses on the selection half; the held-out half is run once, for what was chosen, "
        "and says what is left of it."
    )
if nothing_known(engine):
    st.info(
        "Without clamps the model answers no forget question of the selection half right: "
        "there is nothing to forget, and nothing to choose by."
    )
    st.stop()
with show_errors():
    if way == BUILD:
        draw_build(
            engine,
            state.so_far("build"),
            state.work("build"),
            on_grown=partial(state.set_so_far, "build"),
            on_put=put,
        )
    elif way == MULTIPLIERS:
        draw_multipliers(
            engine,
            state.board(),
            state.so_far("multipliers"),
            state.work("multipliers"),
            partial(tuner_of, engine),
            Hears(keep_moved, keep_edit, open_feature, put_moved),
        )
    else:
        draw_search(
            engine,
            state.so_far("search"),
            state.work("search"),
            on_tried=partial(state.set_so_far, "search"),
            on_put=put,
        )
