"""A feature's label and star, to be changed by the user. The feature page places it."""

from collections.abc import Callable

import streamlit as st

from backend import showcase
from backend.errors import ClampboardError
from backend.features.atlas import Atlas
from backend.features.label_lines import MAX_LABEL
from components.messages import showcase_off
from components.wording import plain

FROM = {
    "own": "your own label",
    "setup": "label of this setup, from reading the feature's top examples",
    "Neuronpedia": "Neuronpedia's explanation, written by a language model",
    "": "no label",
}
"""Where a label is from, in words."""
RULE = (
    "Your own label stands before the setup's, the setup's before Neuronpedia's. "
    "Labels and stars are the SAE's: every setup with it shows them."
)


def draw_label_editor(
    atlas: Atlas, feature: int, said: str, on_said: Callable[[str], None]
) -> None:
    """Whose label stands, a star, and a form to write one's own; changes are kept at once.

    `said` is why the last change was not kept; empty if it was. `on_said` takes such a reason, for
    the next run of the page.
    """
    atlas.refresh()
    standing, own = atlas.labels.of(feature), atlas.labels.own(feature)
    key = f"{feature}_{own.label}_{own.star}"  # drawn afresh from what is kept after every change
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        st.toggle(
            "Star",
            own.star,
            key=f"label_star_{key}",
            on_change=_star,
            args=(atlas, feature, not own.star, on_said),
            disabled=showcase.is_on(),
        )
        if showcase_off():
            return
        with st.popover("Edit label", icon=":material/edit:"):
            st.caption(f"Now: {FROM[standing.source]}.")
            st.text_input(
                "Your own label",
                own.label,
                MAX_LABEL,
                key=f"label_text_{key}",
                placeholder=standing.text or "three to eight words",
                on_change=_label,
                args=(atlas, feature, f"label_text_{key}", on_said),
            )
            st.caption(RULE)
            if own.label:
                st.button(
                    "Take my label back",
                    key=f"label_back_{key}",
                    on_click=_label,
                    args=(atlas, feature, None, on_said),
                )
    if said:
        st.error(plain(said), icon=":material/error:")


def _star(atlas: Atlas, feature: int, star: bool, on_said: Callable[[str], None]) -> None:
    try:
        atlas.relabel(feature, star=star)
    except ClampboardError as error:
        on_said(str(error))


def _label(atlas: Atlas, feature: int, key: str | None, on_said: Callable[[str], None]) -> None:
    """`key` is the widget the label was written in; None takes the user's label back."""
    try:
        atlas.relabel(feature, label="" if key is None else st.session_state[key])
    except ClampboardError as error:
        on_said(str(error))
