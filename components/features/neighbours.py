"""Features like a feature, each a click away."""

from collections.abc import Callable

import streamlit as st

from backend.reading.feature_page import FeaturePage
from backend.reading.neighbours import CoFiring, Neighbour
from backend.wording import percent
from components.wording import plain


def draw_neighbours(page: FeaturePage, on_open: Callable[[int], None]) -> None:
    """By the direction they write, and by the tokens they fire on."""
    st.header("Nearest decoder directions", anchor=False)
    for neighbour in page.nearest:
        _draw(neighbour, f"cosine {neighbour.cosine:.2f}", "feature_nearest", on_open)
    st.header("Fire on the same tokens", anchor=False)
    for other in page.co_firing:
        said = f"together on {other.together:,} tokens, {percent(other.share, 0)} of this one's"
        _draw(other, said, "feature_cofiring", on_open)
    if not page.co_firing:
        st.caption("none")
    st.caption("Ranked by tokens on which both fire over tokens on which either does.")


def _draw(
    neighbour: Neighbour | CoFiring, said: str, key: str, on_open: Callable[[int], None]
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"{neighbour.feature} · {plain(neighbour.label)}",
            key=f"{key}_{neighbour.feature}",
            type="tertiary",
            on_click=on_open,
            args=(neighbour.feature,),
        )
        st.space("stretch")
        st.caption(said, width="content")
