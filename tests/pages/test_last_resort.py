"""What nobody caught is a sentence that names a file; what others could reach needs its gate."""

import re
from contextlib import contextmanager
from pathlib import Path

import pytest
import streamlit as st
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.testing.v1 import AppTest

from backend.store import ROOT
from components import frame
from components.messages import say_fault
from components.serving.signed_in import TOKEN
from tests.pages.test_pages import words

PAGES = ["clamp", "search", "feature", "words", "runs"]


@pytest.mark.parametrize("page", PAGES)
def test_a_fault_of_a_page_is_a_sentence_with_its_traceback_in_a_file(app, monkeypatch, page):
    def fault(*_, **__):
        raise ZeroDivisionError("secret")

    at = app()
    monkeypatch.setattr("components.state.start", fault)
    at.switch_page(f"pages/{page}.py").run()
    assert not at.exception
    assert "fault of the program" in at.error[0].value
    assert "secret" not in words(at)
    file = Path(re.search(r"in (\S+\.txt)", at.error[0].value.replace("\\", ""))[1])
    assert file.parent.name == "logs"
    assert "ZeroDivisionError: secret" in file.read_text()


def test_a_fault_of_the_sidebar_is_a_sentence_too(app, monkeypatch):
    at = app()
    monkeypatch.setattr("components.resources.engine", lambda: 1 / 0)
    at.run()
    assert not at.exception
    assert "fault of the program" in at.error[0].value


@pytest.mark.parametrize("fresh", [False, True], ids=["", "by a deep link to a fresh server"])
@pytest.mark.parametrize("page", PAGES)
def test_a_server_others_can_reach_draws_no_page_to_who_is_not_signed_in(
    request, toy, toy_toml, monkeypatch, page, fresh
):
    monkeypatch.setenv("CLAMPBOARD_SETUP", str(toy_toml))
    monkeypatch.chdir(ROOT)
    asked = []
    monkeypatch.setattr("components.resources.engine", lambda: asked.append(True))
    if not fresh:
        request.getfixturevalue("app")
    with public():
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
        at.switch_page(f"pages/{page}.py").run()
    assert ["no password stands before it" in e.value for e in at.error] == [True]
    assert not at.title
    assert not at.sidebar.subheader
    assert not asked


def test_who_is_signed_in_gets_the_page_and_a_guess_does_not(app):
    with public(clampboard=TOKEN):
        assert app("runs").title[0].value == "Runs"
    with public(clampboard="guess"):
        at = app("runs")
        assert not at.title
        assert at.error


@contextmanager
def public(**cookies):
    """As if Streamlit listened at all addresses, and the browser showed these cookies."""
    option = st.get_option
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            frame.st,
            "get_option",
            lambda name: "0.0.0.0" if name == "server.address" else option(name),
        )
        patch.setattr(type(st.context), "cookies", property(lambda _: cookies))
        yield


def test_a_fault_of_a_widgets_callback_is_said_where_the_server_is_ours(app, monkeypatch):
    """A callback runs before app.py: only Streamlit's hook, which make app sets, is around it."""
    made = ScriptRunner.__init__

    def with_hook(self, *args, **kwargs):
        made(self, *args, **kwargs, on_script_error=say_fault)

    monkeypatch.setattr(ScriptRunner, "__init__", with_hook)
    at = app(clamps="2:-4")
    monkeypatch.setattr("components.state.set_board", lambda *_, **__: 1 / 0)
    next(b for b in at.button if b.label == "Remove all").click().run()
    assert not at.exception
    assert "fault of the program" in at.error[0].value
