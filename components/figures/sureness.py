"""Stopping a run where its figures are sure enough, and going on with it."""

from collections.abc import Callable

import streamlit as st

SURE = 5.0
"""Points, to begin with."""
MOST = 20.0


def draw_stop_early(points: float | None, on_change: Callable[[float | None], None]) -> None:
    """A switch, and to how many points; None runs every question."""
    label = "To the end" if points is None else f"Until sure to ± {points:g}"
    with st.popover(label, icon=":material/timer:", help="How many questions a move runs"):
        wanted = st.toggle(
            "Stop when sure",
            points is not None,
            key="clamp_stop_when_sure",
            help="Stops at the first random sample that is sure enough, marks it as one, and goes "
            "on when asked.",
        )
        to = st.number_input(
            "Sure to ± points",
            0.5,
            MOST,
            points or SURE,
            0.5,
            key="clamp_sure_to",
            disabled=not wanted,
            help="The changes of forget and of retain questions over all questions are within so "
            "many points of those of the sample, 95 times in 100. This is not the interval "
            "in the table, which is of other questions of the same kind.",
        )
    if (new := float(to) if wanted else None) != points:
        on_change(new)


def draw_go_on(n_left: int, on_go_on: Callable[[], None]) -> None:
    """Below figures that are of a sample."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(f"Run the other {n_left}", icon=":material/play_arrow:", on_click=on_go_on)
        st.caption(
            "Checks, questions, files and the history are of whole runs: they come with the rest."
        )
