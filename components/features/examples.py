"""Text a feature fires on: its top examples, and some of each interval of its activation."""

from collections.abc import Sequence

import streamlit as st

from backend.reading.examples import Example, Interval
from backend.reading.feature_page import FeaturePage
from backend.wording import percent
from components.tokens.rows import Trying, draw_rows
from components.tokens.view import Row, excerpt

CONTEXTS = {"stacked, 5": 5, "snippet, 16": 16, "whole passage": None}
"""Tokens shown on either side; Neuronpedia's three sizes."""
USUAL = "snippet, 16"
TRIED = 16
"""Tokens on either side that an example gives to be tried, at least."""


def draw_examples(page: FeaturePage, trying: Trying) -> None:
    """All examples, and above them how much of their text is shown; each can be tried."""

    def draw(examples: Sequence[Example], key: str) -> None:
        rows = [row_of(example) for example in examples]
        texts = ["".join(excerpt(row, around and max(around, TRIED)).tokens) for row in rows]
        draw_rows(rows, texts, key, trying, page.max_act, around, breaks)

    st.header("Top examples", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        context = st.segmented_control(
            "Context",
            list(CONTEXTS),
            default=USUAL,
            key="feature_context",
            persist_state="session",
        )
        breaks = st.toggle("Line breaks", True, key="feature_breaks", persist_state="session")
    around = CONTEXTS[context or USUAL]
    st.caption(
        "One example a passage, strongest first. A token is the darker and its line the thicker, "
        "the stronger the feature fires; the token a row is shown for is framed, its activation "
        "in the margin. Point at a token to see its value, or move to a row with Tab to see all "
        "of the row's."
    )
    if page.examples:
        draw(page.examples, f"feature_examples_{page.feature}")
    else:
        st.caption("none")
    for number, interval in enumerate(page.intervals):
        st.markdown(
            f"**Interval {interval.low:.2f} to {interval.high:.2f}:** {interval.n:,} tokens, "
            f"{percent(interval.share, 2)} of those it fires on"
        )
        if interval.examples:
            draw(interval.examples, f"feature_interval_{page.feature}_{number}")
        else:
            st.caption(why_empty(interval))


def why_empty(interval: Interval) -> str:
    """Why an interval shows no examples."""
    if interval.n:
        return "All of its passages are among the examples above."
    return "No token lies in it."


def row_of(example: Example) -> Row:
    copies = f" · {example.copies} more alike" if example.copies else ""
    return Row(
        f"{example.values[example.at]:.2f}",
        example.corpus + copies,
        example.tokens,
        example.values,
        example.at,
    )
