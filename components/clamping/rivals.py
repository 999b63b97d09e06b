"""Rivals: what can be put on the board in the place of clamps, and a way to train an RMU."""

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.interventions.rival import ABOUT, MAX_TEXT, PUSHED, TITLES, RivalKind
from backend.rivals.prompts import WORDINGS
from backend.rivals.trained import Trained
from components.wording import plain

OnPut = Callable[[RivalKind, str | None], None]
"""Called with a kind, and which of it: a trained RMU's name, a prompt's text."""


def draw_rivals(
    trained: Sequence[Trained], n_shipped: int, problem: str, on_put: OnPut
) -> DeltaGenerator:
    """All that can be put on the board. The first `n_shipped` of the trained RMUs came with the
    setup; `problem` is what went wrong before. Returns the place for training another one.
    """
    st.caption(
        "Other ways to make the same model forget, on the same questions. One on the board acts in "
        "the place of your clamps, which stay where they are."
    )
    if problem:
        st.warning(plain(problem))
    st.markdown(f"**{TITLES['rmu']}**")
    st.caption(ABOUT["rmu"])
    for i, one in enumerate(trained):
        shipped = " (shipped)" if i < n_shipped else ""
        _draw_button(f"{one.name}{shipped}", "rmu", one.name, on_put)
        st.caption(plain(one.recipe.in_words))
    if not trained:
        st.caption("None is trained for this model yet.")
    another = st.container()
    st.markdown("**Directions**")
    for kind in PUSHED:
        _draw_button(TITLES[kind], kind, None, on_put)
        st.caption(ABOUT[kind])
    st.markdown(f"**{TITLES['prompt']}**")
    st.caption("Every question is asked after a text that tells the model not to know.")
    for wording in WORDINGS:
        _draw_button(wording.title.capitalize(), "prompt", wording.text, on_put)
        st.caption(f"“{plain(wording.text)}”")
    st.text_area("A prompt of your own", key="rivals_text", max_chars=MAX_TEXT, height=90)
    st.button(
        "Ask after this text",
        key="rivals_own",
        on_click=lambda: on_put("prompt", st.session_state.rivals_text),
        width="stretch",
    )
    return another


def _draw_button(label: str, kind: RivalKind, of: str | None, on_put: OnPut) -> None:
    st.button(
        plain(label), key=f"rivals_{kind}_{of}", on_click=on_put, args=(kind, of), width="stretch"
    )
