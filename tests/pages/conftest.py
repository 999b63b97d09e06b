"""The app as Streamlit's own AppTest runs it, on the toy setup."""

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from backend.store import ROOT


@pytest.fixture
def app(toy, toy_toml, monkeypatch):
    """Call it to open a page, with query parameters."""
    monkeypatch.setenv("CLAMPBOARD_SETUP", str(toy_toml))
    monkeypatch.chdir(ROOT)
    made = PagesManager.__init__

    def after_the_first_session(self, *args, **kwargs):
        """As a server is once some session has called st.navigation; AppTest begins each run as if
        none had.
        """
        made(self, *args, **kwargs)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", after_the_first_session)

    def start(page: str = "clamp", **query: str) -> AppTest:
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        for name, value in query.items():
            at.query_params[name] = value
        at.run()
        if page != "clamp":
            at.switch_page(f"pages/{page}.py").run()
        assert not at.exception, at.exception
        return at

    return start
