"""What stands in the place of clamps: what it is, how strong, and the way back to them."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.interventions.board import Board
from backend.interventions.rival import ABOUT, MAX_STRENGTH, TITLES, Rival
from components.wording import plain

MOST, STEP = 4.0, 0.05
"""Of the slider of a direction's strength; beyond, the exact value is typed."""


def draw_in_place(
    board: Board,
    rival: Rival,
    recipe: str,
    depth: str,
    revision: int,
    *,
    on_strength: Callable[[float], None],
    on_back: Callable[[], None],
) -> DeltaGenerator:
    """The card. `recipe` is what trained an RMU, in words; `depth` is where a direction acts. A new
    `revision` draws all afresh. Returns the place of its dose curve.
    """
    with st.container(border=True):
        st.markdown("**In the place of your clamps**" if board.sliders else "**On the board**")
        st.markdown(f"##### {TITLES[rival.kind]}")
        st.write(ABOUT[rival.kind])
        if rival.kind == "rmu":
            st.caption(f"{plain(rival.of)}: {plain(recipe)}." if recipe else plain(rival.of))
        elif rival.kind == "prompt":
            st.text(rival.of)
        else:
            st.caption(f"It acts after {depth}, where clamps do, at every token one may touch.")
            _draw_strength(rival.strength, revision, on_strength)
        curve = st.container()
        n = len(board.sliders)
        st.button(
            f"Back to your {n} clamp{'s' if n != 1 else ''}" if n else "Take it off the board",
            icon=":material/undo:",
            key="rival_back",
            on_click=on_back,
            width="stretch",
        )
    return curve


def _draw_strength(strength: float, revision: int, on_strength: Callable[[float], None]) -> None:
    """A slider and the exact value, each of which follows the other."""
    slider, exact = (f"rival_{name}_{revision}" for name in ("strength", "exact"))

    def slid() -> None:
        st.session_state[exact] = st.session_state[slider]
        on_strength(st.session_state[slider])

    def typed() -> None:
        st.session_state[slider] = min(st.session_state[exact], MOST)
        on_strength(st.session_state[exact])

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.slider("Strength", 0.0, MOST, min(strength, MOST), STEP, key=slider, on_change=slid)
        st.number_input(
            "Exact", 0.0, MAX_STRENGTH, strength, STEP, key=exact, on_change=typed, width=120
        )
