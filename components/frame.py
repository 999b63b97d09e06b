"""What is around every page: navigation, the sidebar, and errors shown as text."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from components.messages import show_errors
from components.messages import show_problem as show_problem
from components.wording import plain


def navigation() -> st.Page:
    return st.navigation(
        [
            st.Page("pages/clamp.py", title="Clamp", icon=":material/tune:", default=True),
            st.Page("pages/search.py", title="Search", icon=":material/search:"),
            st.Page("pages/feature.py", title="Feature", icon=":material/bar_chart:"),
            st.Page("pages/words.py", title="Words", icon=":material/chat:"),
            st.Page("pages/runs.py", title="Runs", icon=":material/history:"),
        ]
    )


def require_frame() -> None:
    """The first statement of every page.

    While a folder named pages/ lies beside app.py, a fresh server runs the page of its first deep
    link without app.py, until some session has called st.navigation (Streamlit 1.67). Obsolete when
    tests/pages/test_pages.py passes without it.
    """
    if PagesManager.uses_pages_directory:
        navigation()
        st.rerun()


def draw_style() -> None:
    """Less empty room above a page's title than Streamlit leaves; and Streamlit writes white on the
    primary colour, while on the dark theme's, bright enough to be read as text, only a dark ink can
    be read.
    """
    st.html(
        '<style>[data-testid="stMainBlockContainer"] { padding-top: 3.5rem; padding-bottom: 4rem;'
        " }</style>"
    )
    if st.context.theme.type == "dark":
        st.html(
            '<style>[data-testid="stBaseButton-primary"],'
            ' [data-testid="stBaseButton-primary"]:hover { color: #15181c; }</style>'
        )


def draw_sidebar() -> None:
    """Which setup, and its state; prepares it on the first start of the server."""
    with st.spinner("Loading PyTorch, once per start of the server…"):
        from backend.engine.known import in_words
        from components import resources

    with show_errors():
        engine = resources.engine()
    with st.sidebar:
        st.subheader(engine.setup.title)
        rows = engine.recording.rows
        st.markdown(
            f"**Model** {plain(engine.setup.model.name)}  \n**SAE** {engine.sae.d_sae:,} features"
            f" after block {engine.model.block + 1} of {engine.model.n_blocks}  \n**Numbers**"
            f" {engine.dtype} on {engine.device}"
        )
        if elsewhere := engine.sae.used_elsewhere(engine.setup.model.name):
            st.caption(plain(elsewhere))
        texts = " and ".join(
            f"{s.n_counted:,} tokens of {s.corpus.title}" for s in engine.atlas.corpora
        )
        st.caption(
            f"Prepared: {engine.n_questions:,} questions ({rows.n_tokens:,} tokens), feature"
            f" statistics over {plain(texts)}, {sum(engine.sizes_on_disk().values()) / 1e6:,.0f} MB"
            " on disk."
        )
        if engine.setup.known is not None:
            st.caption(plain(in_words(engine.setup.known)))
        for questions in engine.sets:
            if questions.skipped:
                st.caption(plain(questions.skipped))
        st.caption(
            "A clamp is a hook, not a deletion: take it away and the model knows everything again."
            " Multiple choice alone overstates forgetting."
        )
