"""The user's own text, to find the features that fire on it."""

from typing import NamedTuple

import streamlit as st

from backend.features.atlas import Atlas
from backend.reading.own_text import DENSE, MAX_TEXT, OwnText, strongest_by_token
from backend.wording import percent
from components.messages import showcase_off
from components.tokens.picker import draw_token_picker
from components.wording import plain


class Asked(NamedTuple):
    text: str
    exempt_too: bool
    """Positions that no clamp touches count as well."""
    densest: float | None
    """Share of retain tokens above which a feature is left out; None leaves out none."""


class OnText(NamedTuple):
    """The text as it was read, and the tokens picked to rank features at."""

    read: OwnText
    picked: list[int]
    densest: float | None


def draw_own_text() -> Asked | None:
    """None without a text."""
    if showcase_off():
        return None
    text = st.text_area(
        "Your text",
        key="search_own",
        max_chars=MAX_TEXT,
        persist_state="session",
        height=100,
        placeholder="Paste a sentence or a passage; Ctrl+Enter reads it.",
    )
    with st.container(horizontal=True):
        sparse = st.toggle(
            f"Leave out features on more than {percent(DENSE, 0)} of retain tokens",
            True,
            key="search_own_sparse",
            persist_state="session",
        )
        exempt_too = st.toggle(
            "Count positions no clamp touches",
            False,
            key="search_own_exempt",
            persist_state="session",
            help="First token, special tokens or attention sinks, as the setup names them.",
        )
    if not text or not text.strip():
        return None
    return Asked(text, exempt_too, DENSE if sparse else None)


def draw_tokens(read: OwnText, asked: Asked, atlas: Atlas) -> OnText:
    """The text in tokens, to be picked."""
    off = [bool(exempt) and not asked.exempt_too for exempt in read.exempt]
    picked = draw_token_picker(
        read.tokens,
        strongest_by_token(read, atlas.table, densest=asked.densest),
        off,
        atlas.name,
        [],
        f"search_tokens_{hash((asked.text, asked.exempt_too))}",
    )
    ranked = (
        f"Ranked at: {plain(', '.join(repr(read.tokens[i]) for i in picked))}."
        if picked
        else "Click tokens to rank features there; arrow keys move, Enter picks."
    )
    st.caption(
        f"{len(read.tokens)} tokens, {sum(off)} of them not counted. "
        "The stronger the colour and the line below, the stronger its strongest feature; "
        f"hover or focus names three. {ranked}"
    )
    return OnText(read, picked, asked.densest)
