"""The features that were found, with the reason each is there."""

from collections.abc import Callable, Collection
from typing import NamedTuple

import pandas as pd
import streamlit as st

from backend.engine.engine import Engine
from backend.features.finding import COLUMNS, RELEVANCE, Filters
from backend.features.search import SHOWN, Found
from backend.reading.snippets import snippets
from components.features.table import columns, draw_feature_table, reasons, rows
from components.search.order import Order
from components.search.own_text import OnText
from components.spreadsheets import csv_of
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


def draw_above(engine: Engine, query: Query, n: int, n_before: int) -> bool:
    """What the list of `n` features is, and how it is used; returns whether more columns are
    wanted. `n_before` are how many there are without the filters.
    """
    with st.container():
        st.caption(f"{heading(query, n, n_before)}.")
    more = st.toggle("More columns", key="search_more", persist_state="session")
    with st.popover("How to read this", type="tertiary"):
        asked = n_questions(engine)
        scanned = " and ".join(
            f"{s.n_counted:,} tokens of {s.corpus.title}" for s in engine.atlas.corpora
        )
        st.markdown(
            "Questions (q.) are those on which the feature fires where it can change the answer: "
            f"of {asked['forget']:,} to forget and {asked['retain']:,} to retain. Densities (%) "
            f"are shares of tokens on which it fires; scanned were {plain(scanned)}. Each head of "
            "a column says what its numbers are, and sorts the list. The text is where the "
            "feature fires strongest in these passages.\n\n"
            "A click or Enter opens a feature. Its box or the space bar selects it; what is "
            "selected stays so over other searches."
        )
    return more


def draw_found(
    engine: Engine,
    query: Query,
    listed: pd.DataFrame,
    more: bool,
    ticked: Collection[int],
    link: str,
    on_tick: Callable[[str, list[int]], None],
) -> int | None:
    """The features; returns the one that the user opens.

    `more`: with the columns that are seldom looked at; the rest is as
    components.features.table.draw_feature_table takes it.
    """
    shown = listed.head(SHOWN)
    features = shown["feature"].tolist()
    words = engine.atlas.why(query.found, features) if query.found else {}
    why = reasons(shown, words, query.on_text.read.tokens if query.on_text else [])
    scored = query.order.rank not in (RELEVANCE, *COLUMNS)
    chosen = columns(shown, n_questions(engine), query.order.name if scored else None, more)
    texts = snippets(engine.atlas.corpora, features)
    return draw_feature_table(
        shown, rows(shown, why, texts, chosen, more), chosen, ticked, link, on_tick
    )


KEPT = (
    "feature",
    "label",
    "rank_score",
    "forget_density",
    "retain_density",
    "selectivity",
    "fires_forget",
    "fires_retain",
    "known_forget",
    "max_act",
    "star",
)


def draw_csv(listed: pd.DataFrame) -> None:
    """All of the list, also what is not shown of it, for a spreadsheet."""
    table = listed[list(KEPT)].assign(words=[", ".join(words) for words in listed["top_words"]])
    st.download_button(
        f"These {len(listed):,} as CSV",
        lambda: csv_of(table),
        "features.csv",
        "text/csv",
        key="search_csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


def n_questions(engine: Engine) -> dict[str, int]:
    """Role -> how many questions there are."""
    return {
        role: sum(len(s.questions) for s in engine.sets if s.role == role)
        for role in ("forget", "retain")
    }


def heading(query: Query, n: int, n_before: int) -> str:
    """How many there are, in which order, and what was left out."""
    smallest = ", smallest first" if query.order.smallest_first else ""
    filters = query.filters.in_words()
    filtered = f"; {'; '.join(filters)}, of {n_before:,}" if filters else ""
    cut = f"; the first {SHOWN} are listed" if n > SHOWN else ""
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
