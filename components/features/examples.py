"""Text a feature fires on: its top examples, and some of each interval of its activation."""

import streamlit as st

from backend.reading.examples import Example, Interval
from backend.reading.feature_page import FeaturePage
from components.tokens.view import Row, rows_html

CONTEXTS = {"stacked, 5": 5, "snippet, 16": 16, "whole passage": None}
"""Tokens shown on either side; Neuronpedia's three sizes."""
USUAL = "snippet, 16"


def draw_examples(page: FeaturePage) -> None:
    """All examples, and above them how much of their text is shown."""
    st.subheader("Top examples", anchor=False)
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
        st.html(rows_html(map(row_of, page.examples), page.max_act, around, breaks))
    else:
        st.caption("none")
    for interval in page.intervals:
        st.markdown(
            f"**Interval {interval.low:.2f} to {interval.high:.2f}:** {interval.n:,} tokens, "
            f"{interval.share:.2%} of those it fires on"
        )
        if interval.examples:
            st.html(rows_html(map(row_of, interval.examples), page.max_act, around, breaks))
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
