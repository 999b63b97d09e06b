"""What is around every page: its settings, navigation, style and the sidebar."""

from urllib.parse import quote

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from components.messages import show_errors
from components.serving.address import exposed
from components.serving.signed_in import COOKIE, signed_in

NAME = "Clampboard"
ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" stroke-width="3" '
    'stroke-linecap="round" stroke="#d96c1e" fill="#d96c1e"><path d="M4 8h24M4 16h24M4 24h24"/>'
    '<circle cx="21" cy="8" r="3"/><circle cx="9" cy="16" r="3"/><circle cx="17" cy="24" r="3"/>'
    "</svg>"
)
"""Three sliders. Streamlit fetches an icon that is called by its name from another host."""
STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding-top: 3.5rem; padding-bottom: 4rem; }
[data-testid="stCaptionContainer"] { opacity: 0.75; }
[data-testid="stMain"] h1 { font-size: 2rem; padding: .2rem 0; }
[data-testid="stMain"] h2 { font-size: 1.5rem; padding: .5rem 0; }
@media (min-width: 769px) { [data-testid="stMainBlockContainer"] { padding-top: 2.2rem; } }
.stApp :is(a, button, summary, [role="tab"], [role="option"], [role="slider"], [tabindex="0"])
  :focus-visible,
.stApp :is(a, button, summary, [role="tab"], [role="slider"], [tabindex="0"]):focus-visible {
  outline: 2px solid FOCUS !important; outline-offset: 2px; box-shadow: none;
}
.stApp [data-testid="stMain"]:focus-visible { outline: none; }
[class*="st-key-live_"] { display: none; }
@media (min-width: 769px) and (max-width: 1100px) {
  .stApp [data-testid="stSidebar"]:not([aria-expanded="false"]) {
    width: 12rem !important; min-width: 12rem !important; max-width: 12rem !important;
  }
  [data-testid="stMainBlockContainer"] { padding-left: 1.5rem; padding-right: 1.5rem; }
}
</style>"""
"""Less empty room than Streamlit leaves, smaller headings of second rank, captions and focus that
can be seen, and a narrower sidebar where the window is narrow but no phone's.
"""
FOCUS = {"light": "#8a3700", "dark": "#ffb27a"}
DARK_STYLE = (
    '<style>[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primary"]:hover '
    "{ color: #15181c; }</style>"
)
"""Streamlit writes white on the primary colour; on the dark theme's, bright enough to be read as
text, only a dark ink can be read.
"""


def set_up() -> None:
    """Before anything else is drawn: until a page's icon is set, its navigation's is fetched."""
    st.set_page_config(page_icon=ICON, layout="wide")


def navigation() -> st.Page:
    """The page that was asked for; its title is the browser's."""
    page = st.navigation(
        [
            st.Page(
                "pages/clamp.py",
                title="Clamp",
                icon=":material/tune:",
                default=True,
                url_path="board",  # of no use but to leave /clamp to the last one
            ),
            st.Page("pages/tune.py", title="Tune", icon=":material/auto_fix_high:"),
            st.Page("pages/search.py", title="Search", icon=":material/search:"),
            st.Page("pages/feature.py", title="Feature", icon=":material/bar_chart:"),
            st.Page("pages/question.py", title="Question", icon=":material/biotech:"),
            st.Page("pages/words.py", title="Words", icon=":material/chat:"),
            st.Page("pages/runs.py", title="Runs", icon=":material/history:"),
            st.Page("pages/stage.py", title="Stage", visibility="hidden"),
            st.Page(_open_clamp, title="Clamp", url_path="clamp", visibility="hidden"),
        ]
    )
    st.set_page_config(page_title=f"{page.title} · {NAME}")
    return page


def _open_clamp() -> None:
    """The first page by its own name: Streamlit knows it at / alone."""
    st.switch_page("pages/clamp.py", query_params=st.query_params.to_dict())


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
        set_up()
        navigation()
        st.rerun()


def draw_style() -> None:
    theme = "dark" if st.context.theme.type == "dark" else "light"
    st.html(STYLE.replace("FOCUS", FOCUS[theme]))
    if theme == "dark":
        st.html(DARK_STYLE)


def draw_sidebar() -> None:
    """Which setup, and its state; prepares it on the first start of the server.

    PyTorch is imported here, once the frame stands.
    """
    with st.spinner("Loading PyTorch, once per start of the server…"):
        from components import resources
        from components.sidebar import draw_setup

    with show_errors():
        engine = resources.engine()
    with st.sidebar:
        draw_setup(engine)
