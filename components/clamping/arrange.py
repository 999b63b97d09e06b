"""The line above the sliders: how many are on, their unit and order, and all of them at once."""

from collections.abc import Callable

import streamlit as st

from backend.engine.engine import Engine
from backend.interventions.board import Board
from components.clamping.sliders import GROUPS, ORDERS, START, UNITS, Arrangement


def draw_arrange(
    engine: Engine, board: Board, *, on_reset: Callable[[], None], on_remove: Callable[[], None]
) -> Arrangement:
    """`on_reset` and `on_remove` are called when the user wants all sliders reset or removed."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(heading(board, engine.preset_titles.get(board.setting()), depth(engine)))
        st.space("stretch")
        unit = st.segmented_control(
            "Unit",
            UNITS,
            default="x max",
            key="clamp_unit",
            persist_state="session",
            label_visibility="collapsed",
            help=(
                "Multiples of each feature's maximum activation, raw activation units, or the "
                "length of what a clamp adds as multiples of the residual's median length: what "
                "compares between layers and models."
            ),
        )
        with st.popover("Arrange", icon=":material/sort:"):
            order = st.selectbox("Sort by", ORDERS, key="clamp_order", persist_state="session")
            group = st.selectbox("Group by", GROUPS, key="clamp_group", persist_state="session")
            st.button(f"Reset all to {START:g}x, on", on_click=on_reset, width="stretch")
            st.button("Remove all", on_click=on_remove, width="stretch")
    return Arrangement(unit or UNITS[0], order, group)


def heading(board: Board, preset: str | None, where: str) -> str:
    """How many are clamped, where, and the preset they are if they are one."""
    n = len(board.sliders)
    on = sum(s.on for s in board.sliders)
    return f"{f'“{preset}”: ' if preset else ''}{n} clamped after {where}: {on} on, {n - on} off"


def depth(engine: Engine) -> str:
    """Where clamps act."""
    return f"block {engine.model.block + 1} of {engine.model.n_blocks}"
