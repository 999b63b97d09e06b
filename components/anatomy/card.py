"""A picture of one question taken apart, to share."""

import streamlit as st

from backend.errors import Unavailable
from backend.sharing.card import png
from backend.sharing.question_card import QuestionCard, question_svg


def draw_card(card: QuestionCard, name: str) -> None:
    """The picture behind a button, with its files. `name` is theirs, without the ending."""
    svg = question_svg(card)
    with st.popover("Share", icon=":material/ios_share:"):
        st.caption("A picture that stands alone; the page's address opens all of it.")
        shown: str | bytes = svg
        files: list[tuple[str, str | bytes, str]] = [("SVG", svg, "image/svg+xml")]
        try:
            shown = png(svg)
            files.insert(0, ("PNG", shown, "image/png"))
        except Unavailable:  # the SVG is there all the same
            pass
        st.image(shown, width=640)
        with st.container(horizontal=True):
            for kind, content, mime in files:
                st.download_button(
                    kind,
                    content,
                    f"{name}.{kind.lower()}",
                    mime,
                    key=f"anatomy_{kind}",
                    icon=":material/download:",
                    on_click="ignore",
                )
