"""Where a feature fires on a text the user types."""

import streamlit as st

from backend.engine.engine import Engine
from backend.reading.own_text import MAX_TEXT, OwnText, read_text
from components.messages import show_problem, showcase_off
from components.progress_bar import saying
from components.tokens.rows import Trying
from components.tokens.view import Row, rows_html

FIELD = "feature_text"


def _take(text: str) -> None:
    st.session_state[FIELD] = text.strip()[:MAX_TEXT]


TRYING = Trying(FIELD, _take)
"""Puts a row's text into the field."""


def draw_own_text(engine: Engine, feature: int, top: float) -> None:
    """A field for the text, and the text read; `top` is the activation of the strongest colour."""
    if showcase_off():
        return
    text = st.text_area(
        "Try your own text",
        key=FIELD,
        persist_state="session",
        max_chars=MAX_TEXT,
        height=68,
        placeholder="Type or paste a sentence, then Ctrl+Enter",
    )
    if not text.strip():
        return
    waiting = st.empty()
    with show_problem():
        own = read_text(engine, text, on_wait=saying(waiting))
        waiting.empty()
        st.html(rows_html([row_of(own, feature)], top))
        on = int((own.values(feature) > 0).sum())
        st.caption(
            f"It fires on {on} of {len(own.tokens)} tokens of your text, read by itself: "
            "a row cut out of a passage can fire otherwise than there."
        )


def row_of(own: OwnText, feature: int) -> Row:
    """The text, shown for the token on which the feature fires strongest, if it fires at all."""
    values = own.values(feature).tolist()
    strongest = max(values)
    mark = values.index(strongest) if strongest > 0 else None
    return Row(f"{strongest:.2f}", "your text", own.tokens, values, mark)
