"""The line above the sliders: how many are on, their unit and order, and all of them at once."""

from collections.abc import Callable

import streamlit as st

from backend.engine.engine import Engine
from backend.interventions.board import Board
from components.clamping.sliders import GROUPS, ORDERS, UNITS, Arrangement

RESET_ALL = "Reset all to where they came from, on"


def draw_arrange(
    engine: Engine, board: Board, *, on_reset: Callable[[], None], on_remove: Callable[[], None]
) -> Arrangement:
    """`on_reset` and `on_remove` are called when the user wants all sliders reset or removed."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.caption(heading(board, engine.preset_titles.get(board.setting()), depth(engine)))
        st.space("stretch")
        with st.popover("Arrange"):
            unit = st.segmented_control(
                "Unit",
                UNITS,
                default="x max",
                key="clamp_unit",
                persist_state="session",
                help=(
                    "Multiples of each feature's maximum activation, raw activation units, or the "
                    "length of what a clamp adds as multiples of the residual's median length: "
                    "what compares between layers and models."
                ),
            )
            order = st.selectbox("Sort by", ORDERS, key="clamp_order", persist_state="session")
            group = st.selectbox("Group by", GROUPS, key="clamp_group", persist_state="session")
            st.button(RESET_ALL, on_click=on_reset, width="stretch")
            st.button("Remove all", on_click=on_remove, width="stretch")
    return Arrangement(unit or UNITS[0], order, group)


def heading(board: Board, preset: str | None, where: str) -> str:
    """How many are clamped, where, how many of them are off, and the preset if they are one."""
    n = len(board.sliders)
    on = sum(s.on for s in board.sliders)
    clamped = f"{f'“{preset}”: ' if preset else ''}{n} clamped after {where}"
    return clamped if on == n else f"{clamped}: {on} on, {n - on} off"


def depth(engine: Engine) -> str:
    """Where clamps act."""
    return f"block {engine.model.block + 1} of {engine.model.n_blocks}"
