"""Whose browser this is, and the way back to where its visitor left off."""

import streamlit as st

from backend.interventions.visits import visitor_of
from components.serving.visitor import VISITOR, is_one
from components.wording import plain


def visitor() -> str:
    """The visitor, as backend.interventions.visits knows them; "" where the browser has no cookie
    of ours, as without the server of components.serving.
    """
    cookie = st.context.cookies.get(VISITOR)
    return visitor_of(cookie) if is_one(cookie) else ""


def draw_continue(name: str) -> bool:
    """Whether the user goes on where they left off; `name` is what the last board is called."""
    return st.button(
        f"Continue where you left off: {plain(name)}",
        icon=":material/history:",
        key="visit_continue",
        help="Brings back the last board, the way back by undo, and what was pinned as A and B.",
    )
