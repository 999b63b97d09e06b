"""Which features the list shows."""

import streamlit as st

from backend.features.finding import Filters
from backend.wording import percent

FORGET_ABOVE = (0.0, 0.0001, 0.001, 0.005, 0.01)
RETAIN_BELOW = (0.0001, 0.001, 0.005, 0.01, 0.05, 1.0)
SELECTIVITY = (None, 0, 1, 2, 3, 4, 5)


WIDGETS = {
    "search_forget": 0.0,
    "search_limit": 1.0,
    "search_selective": None,
    "search_labelled": False,
    "search_starred": False,
    "search_known": False,
}
"""The filters' widgets, and where each lets all through."""


def draw_filters() -> Filters:
    """The filters, and beside them how many are on."""
    with st.popover("Filters", icon=":material/filter_alt:"):
        filters = Filters(
            forget_above=st.select_slider(
                "Forget density above",
                FORGET_ABOVE,
                0.0,
                lambda x: f"{percent(x, 2)}" if x else "any",
                key="search_forget",
                persist_state="session",
            ),
            retain_below=st.select_slider(
                "Retain density below",
                RETAIN_BELOW,
                1.0,
                lambda x: "any" if x == 1 else f"{percent(x, 2)}",
                key="search_limit",
                persist_state="session",
            ),
            min_selectivity=st.select_slider(
                "Selectivity at least",
                SELECTIVITY,
                None,
                lambda x: "any" if x is None else f"{x:+g} (x{2**x})",
                key="search_selective",
                persist_state="session",
            ),
            labelled=st.toggle("Has a label", key="search_labelled", persist_state="session"),
            starred=st.toggle("Starred by you", key="search_starred", persist_state="session"),
            known=st.toggle(
                "Fires on a known forget question",
                key="search_known",
                persist_state="session",
                help=(
                    "One that the model answers right without a clamp: "
                    "only there is something to forget."
                ),
            ),
        )
        on = len(filters.in_words())
        st.button("Let all through", key="search_all", on_click=_let_through, disabled=not on)
    if on:
        st.badge(f"{on} on", icon=":material/filter_alt:", color="orange")
    return filters


def _let_through() -> None:
    st.session_state.update(WIDGETS)
