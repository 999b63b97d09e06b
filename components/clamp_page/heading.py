"""The line of the page's title: the way back, ways to start, ways out and in, the stage."""

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.engine.engine import Engine
from backend.rivals.trained import Trained
from components import actions, state
from components.clamp_page.rivals import draw_all_rivals
from components.clamping.open import draw_open
from components.clamping.presets import draw_presets


def draw_heading(engine: Engine, heading: DeltaGenerator, trained: list[Trained]) -> DeltaGenerator:
    """Returns the place of what is shared, where a button stands that is off: of settings whose
    figures are not there yet there is nothing to take.
    """
    with heading.container(horizontal=True, vertical_alignment="bottom", key="clamp_heading"):
        st.title("Clamp")
        st.space("stretch")
        st.button(
            "Undo",
            icon=":material/undo:",
            help="Ctrl+Z",
            on_click=state.undo,
            disabled=not state.can_undo(),
            shortcut="Ctrl+Z",
        )
        st.button(
            "Redo",
            icon=":material/redo:",
            help="Ctrl+Shift+Z",
            on_click=state.redo,
            disabled=not state.can_redo(),
            shortcut="Ctrl+Shift+Z",
        )
        # Another key is another popover: what was loaded from one closes it.
        with st.popover(
            "Presets", icon=":material/playlist_add:", key=f"presets_{state.revision()}"
        ):
            draw_presets(
                engine,
                state.said("presets"),
                on_load=state.load_board,
                on_save=partial(actions.save_preset, engine),
                on_problem=partial(state.say, "presets"),
            )
        with st.popover(
            "Rivals", icon=":material/compare_arrows:", key=f"rivals_{state.revision()}"
        ):
            draw_all_rivals(engine, trained)
        share = st.empty()
        share.popover("Share", icon=":material/ios_share:", disabled=True)
        draw_open(
            engine,
            state.said("open"),
            on_link=actions.open_link,
            on_file=actions.open_file,
            on_problem=partial(state.say, "open"),
        )
        if st.button(
            "Stage",
            icon=":material/present_to_all:",
            shortcut="Ctrl+Alt+S",
            help="Full screen, for a projector. Ctrl+Alt+S",
        ):
            st.switch_page("pages/stage.py")
    return share
