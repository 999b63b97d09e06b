"""What is around every page: navigation, style and the sidebar."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from backend.notices import noticed
from components.messages import show_errors
from components.serving.address import exposed
from components.serving.signed_in import COOKIE, signed_in
from components.wording import plain

MOST_NOTICES = 3
STYLE = (
    '<style>[data-testid="stMainBlockContainer"] '
    "{ padding-top: 3.5rem; padding-bottom: 4rem; }</style>"
)
"""Less empty room above a page's title than Streamlit leaves."""
DARK_STYLE = (
    '<style>[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primary"]:hover '
    "{ color: #15181c; }</style>"
)
"""Streamlit writes white on the primary colour; on the dark theme's, bright enough to be read as
text, only a dark ink can be read.
"""


def navigation() -> st.Page:
    return st.navigation(
        [
            st.Page("pages/clamp.py", title="Clamp", icon=":material/tune:", default=True),
            st.Page("pages/tune.py", title="Tune", icon=":material/auto_fix_high:"),
            st.Page("pages/search.py", title="Search", icon=":material/search:"),
            st.Page("pages/feature.py", title="Feature", icon=":material/bar_chart:"),
            st.Page("pages/words.py", title="Words", icon=":material/chat:"),
            st.Page("pages/runs.py", title="Runs", icon=":material/history:"),
        ]
    )


def require_sign_in() -> None:
    """The first statement of all, before the engine is touched: a server that others can reach is
    for those who came through the gate of components.serving.gate.
    """
    listen, names = st.get_option("server.address"), st.get_option("server.allowedHosts")
    if exposed(listen, names) and not signed_in(st.context.cookies.get(COOKIE)):
        st.error(
            "This server can be reached from other machines, and no password stands before it. "
            "Start it with make app HOST=..., which asks for one.",
            icon=":material/lock:",
        )
        st.stop()


def require_frame() -> None:
    """The first statement of every page.

    While a folder named pages/ lies beside app.py, a fresh server runs the page of its first deep
    link without app.py, until some session has called st.navigation (Streamlit 1.67). Obsolete when
    tests/pages/test_pages.py passes without it.
    """
    require_sign_in()
    if PagesManager.uses_pages_directory:
        navigation()
        st.rerun()


def draw_style() -> None:
    st.html(STYLE)
    if st.context.theme.type == "dark":
        st.html(DARK_STYLE)


def _draw_notices() -> None:
    """What happened to files meanwhile, the last first."""
    said = noticed()[::-1]
    for text in said[:MOST_NOTICES]:
        st.caption(f":material/info: {plain(text)}")
    if len(said) > MOST_NOTICES:
        st.caption(f"{len(said) - MOST_NOTICES:,} more such messages are in the log.")


def draw_sidebar() -> None:
    """Which setup, and its state; prepares it on the first start of the server.

    PyTorch is imported here, once the frame stands.
    """
    with st.spinner("Loading PyTorch, once per start of the server…"):
        from backend.engine.known import in_words
        from components import resources

    with show_errors():
        engine = resources.engine()
    with st.sidebar:
        st.subheader(plain(engine.setup.title))
        st.markdown(
            f"**Model** {plain(engine.setup.model.name)}  \n"
            f"**SAE** {engine.d_sae:,} features "
            f"after block {engine.model.block + 1} of {engine.model.n_blocks}  \n"
            f"**Numbers** {engine.dtype} on {engine.device}"
        )
        if elsewhere := engine.sae.used_elsewhere(engine.setup.model.name):
            st.caption(plain(elsewhere))
        texts = " and ".join(
            f"{s.n_counted:,} tokens of {s.corpus.title}" for s in engine.atlas.corpora
        )
        st.caption(
            f"Prepared: {engine.n_questions:,} questions "
            f"({engine.recording.rows.n_tokens:,} tokens), feature statistics over {plain(texts)}, "
            f"{sum(engine.sizes_on_disk().values()) / 1e6:,.0f} MB on disk."
        )
        if not engine.runner.invariant:
            st.caption(
                "On this machine the last bits of a score depend on which questions run with it: "
                "every setting is run as a whole, and answers are not shared between settings."
            )
        if engine.setup.known is not None:
            st.caption(plain(in_words(engine.setup.known)))
        for questions in engine.sets:
            if questions.skipped:
                st.caption(plain(questions.skipped))
        _draw_notices()
        st.caption(
            "A clamp is a hook, not a deletion: take it away and the model knows everything again. "
            "Multiple choice alone overstates forgetting."
        )
