"""The features that were found, with the reason each is there."""

from typing import NamedTuple

import pandas as pd
import streamlit as st

from backend.engine.engine import Engine
from backend.features.finding import COLUMNS, RELEVANCE, Filters
from backend.features.search import SHOWN, Found
from components.features.table import draw_feature_table, reasons
from components.search.order import Order
from components.search.own_text import OnText
from components.wording import plain


class Query(NamedTuple):
    """What the list was asked for."""

    keywords: str
    found: Found | None
    """What the keywords found."""
    on_text: OnText | None
    filters: Filters
    order: Order


def say_how_it_was_read(found: Found) -> None:
    """Words that were read as others, and words that nothing is about."""
    for word, near in found.read_as.items():
        st.info(
            f"“{plain(word)}” is in no label and no example. Read as: {plain(', '.join(near))}.",
            icon=":material/spellcheck:",
        )
    if len(found.hits) and not found.hits[["label", "top_words"]].to_numpy().any():
        st.info(
            "No feature is labelled so or fires on such words: this SAE seems to have none. "
            "The features below only promote such a token."
        )


def draw_found(
    engine: Engine, query: Query, listed: pd.DataFrame, n_before: int
) -> list[int] | None:
    """The features, of which those selected are returned; or why there are none, and None.

    `n_before` are how many there are without the filters.
    """
    if listed.empty:
        st.info(nothing_left(query, n_before))
        return None
    n_questions = {
        role: sum(len(s.questions) for s in engine.sets if s.role == role)
        for role in ("forget", "retain")
    }
    scanned = ", ".join(f"{s.n_counted:,} tokens of {s.corpus.title}" for s in engine.atlas.corpora)
    st.caption(
        f"{heading(query, len(listed), n_before)}. "
        f"Densities are shares of tokens; scanned {plain(scanned)}. Questions are "
        f"{n_questions['forget']:,} to forget and {n_questions['retain']:,} to retain."
    )
    shown = listed.head(SHOWN)
    words = engine.atlas.why(query.found, shown["feature"].tolist()) if query.found else {}
    return draw_feature_table(
        shown,
        reasons(shown, words, query.on_text.read.tokens if query.on_text else []),
        n_questions,
        None if query.order.rank in (RELEVANCE, *COLUMNS) else query.order.name,
    )


def heading(query: Query, n: int, n_before: int) -> str:
    """How many there are, in which order, and what was left out."""
    smallest = ", smallest first" if query.order.smallest_first else ""
    filters = query.filters.in_words()
    filtered = f"; {'; '.join(filters)}, of {n_before:,}" if filters else ""
    cut = (
        f"; the first {SHOWN} are shown, a click on a column's head sorts those"
        if n > SHOWN
        else ""
    )
    return f"{n:,} features, ranked by {query.order.name}{smallest}{filtered}{cut}"


def nothing_left(query: Query, n_before: int) -> str:
    """Why the list is empty."""
    if n_before:
        return (
            f"{n_before} features match, but none passes the filters: "
            f"{'; '.join(query.filters.in_words())}."
        )
    if query.keywords and not query.on_text:
        return (
            f"No feature matches “{plain(query.keywords[:60])}”: "
            "no label, no example and no promoted token has it. Try a shorter or more common word."
        )
    return "No feature is left: nothing fires there, or the ranking's rule leaves all out."
