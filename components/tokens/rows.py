"""Rows of tokens, each with a button that takes its text to be tried."""

from collections.abc import Callable, Sequence

import streamlit as st

from components.element import element
from components.tokens.view import Row, rows_html

TRY = "try this text"
_rows = element(__file__, "token_rows")


class Trying:
    """Where a row's text goes when it is to be tried."""

    def __init__(self, field: str, take: Callable[[str], None]):
        """`field` is the key of the widget that `take` writes a text into."""
        self.field, self.take = field, take


def draw_rows(
    rows: Sequence[Row],
    texts: Sequence[str],
    key: str,
    trying: Trying,
    top: float,
    around: int | None = None,
    breaks: bool = True,
) -> None:
    """`texts` are what each row gives to be tried; the rest as components.tokens.view.rows_html."""
    _rows(
        key=key,
        on_tried_change=lambda: _take(key, texts, trying),
        data={"html": rows_html(rows, top, around, breaks, TRY), "field": trying.field},
    )


def _take(key: str, texts: Sequence[str], trying: Trying) -> None:
    number = st.session_state.get(key, {}).get("tried")
    if isinstance(number, int) and 0 <= number < len(texts):
        trying.take(texts[number])
