"""Errors shown as text, and why something is off."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from backend import showcase
from backend.errors import ClampboardError, Showcase
from components.wording import sentence


@contextmanager
def show_errors() -> Iterator[None]:
    """A ClampboardError becomes a message on the page, which ends there.

    Everything else is a fault, and goes on to `last_resort`.
    """
    try:
        yield
    except ClampboardError as error:
        _say(error)
        st.stop()


@contextmanager
def show_problem() -> Iterator[None]:
    """A ClampboardError becomes a message in its place, and the rest of the page goes on."""
    try:
        yield
    except Showcase as error:
        _say(error)
    except ClampboardError as error:
        st.warning(sentence(str(error)), icon=":material/info:")


@contextmanager
def last_resort() -> Iterator[None]:
    """Around all of a page: whatever comes this far is said in a sentence, never as a traceback."""
    try:
        yield
    except Exception as error:  # Streamlit's own reruns and stops are none
        say_fault(error)


def say_fault(error: Exception) -> bool:
    """One sentence for an error nobody caught; a fault's traceback is kept in a file it names.

    True: it is said, and Streamlit need not.
    """
    if isinstance(error, ClampboardError):
        _say(error)
    else:
        from backend.crash import keep_traceback  # PyTorch with it: the frame comes first

        said = f"{keep_traceback(error)} Reload the page to go on."
        st.error(sentence(said), icon=":material/bug_report:")
    return True


def showcase_off() -> bool:
    """Whether what follows is off because this is a showcase, which is said in its place."""
    if showcase.is_on():
        st.caption(showcase.SENTENCE)
    return showcase.is_on()


def _say(error: ClampboardError) -> None:
    if isinstance(error, Showcase):
        st.info(str(error), icon=":material/visibility:")
    else:
        st.error(sentence(str(error)), icon=":material/error:")
