"""A feature by its number, or by words that are looked up."""

from collections.abc import Callable, Collection

import streamlit as st

from backend.features.atlas import Atlas
from components.messages import show_problem
from components.wording import plain

MOST_HITS = 8

OnAdd = Callable[[int], None]


def draw_add_feature(atlas: Atlas, n_features: int, taken: Collection[int], on_add: OnAdd) -> None:
    """A number is added at once; words find features to choose from, without those `taken`."""
    text = st.text_input(
        "Add a feature",
        key="clamp_add",
        on_change=_add_typed,
        args=(n_features, on_add),
        placeholder="Add a feature: number or words",
        label_visibility="collapsed",
    )
    if text and not text.strip().isdecimal():
        with show_problem():
            found = atlas.search(text).hits["feature"].tolist()
            hits = [feature for feature in found if feature not in taken][:MOST_HITS]
            st.caption(
                "Choose one to add." if hits else f"No other feature matches “{plain(text[:60])}”."
            )
            with st.container(gap="xsmall"):
                for hit in hits:
                    about = atlas.about(hit)
                    st.button(
                        f"{hit} · {plain(about['name'])} · {about['fires_forget']} forget, "
                        f"{about['fires_retain']} retain",
                        key=f"clamp_hit_{hit}",
                        icon=":material/add:",
                        type="tertiary",
                        on_click=_add,
                        args=(hit, on_add),
                    )
    elif text:
        st.warning(
            f"There is no feature {plain(text[:20])}: this SAE has features 0 to {n_features - 1}."
        )


def number_in(text: str, n_features: int) -> int | None:
    """The feature of this number; None for other text, and for a number there is none of."""
    text = text.strip()
    if not text.isdecimal() or not text.isascii() or len(text) > 8:
        return None
    return int(text) if int(text) < n_features else None


def _add_typed(n_features: int, on_add: OnAdd) -> None:
    feature = number_in(st.session_state.clamp_add, n_features)
    if feature is not None:
        _add(feature, on_add)


def _add(feature: int, on_add: OnAdd) -> None:
    on_add(feature)
    st.session_state.clamp_add = ""
