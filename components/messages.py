"""Errors shown as text."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from backend.errors import ClampboardError
from components.wording import plain


@contextmanager
def show_errors() -> Iterator[None]:
    """A ClampboardError becomes a message on the page, which ends there.

    Everything else is a fault and goes on to the log.
    """
    try:
        yield
    except ClampboardError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.stop()


@contextmanager
def show_problem() -> Iterator[None]:
    """A ClampboardError becomes a message in its place, and the rest of the page goes on."""
    try:
        yield
    except ClampboardError as error:
        st.warning(plain(str(error)), icon=":material/info:")
