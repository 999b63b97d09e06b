"""Whose browser this is, and the way back."""

from types import SimpleNamespace

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from backend.interventions.visits import visitor_of
from components.serving.visitor import VISITOR
from components.visits import visitor

COOKIE = "x" * 43


@pytest.mark.parametrize(
    ("cookies", "known"),
    [
        ({VISITOR: COOKIE}, visitor_of(COOKIE)),
        ({}, ""),
        ({VISITOR: "../../etc"}, ""),
        ({VISITOR: ""}, ""),
        ({"other": COOKIE}, ""),
    ],
)
def test_a_visitor_is_known_by_our_cookie_alone(monkeypatch, cookies, known):
    monkeypatch.setattr(streamlit, "context", SimpleNamespace(cookies=cookies))
    assert visitor() == known


def script(clicked):
    from components.visits import draw_continue

    clicked.append(draw_continue("50 *features* at −3x max"))


def test_going_on_says_with_what_and_is_told():
    clicked = []
    at = AppTest.from_function(script, args=(clicked,)).run()
    assert "\\*features\\*" in at.button[0].label
    at.button[0].click().run()
    assert clicked == [False, True]
