"""Neighbours as a user meets them."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from backend.reading.feature_page import feature_page
from backend.reading.neighbours import CoFiring, Neighbour


@pytest.fixture
def draw(toy):
    def script(page):
        import streamlit as st

        from components.features.neighbours import draw_neighbours

        def on_open(feature):
            st.session_state.opened = feature

        draw_neighbours(page, on_open)

    def drawn(**parts) -> AppTest:
        page = replace(feature_page(toy, 2), **parts)
        return AppTest.from_function(script, kwargs={"page": page}).run()

    return drawn


def captions(at):
    return [c.value for c in at.caption]


def test_a_click_opens_the_neighbour(draw):
    at = draw(nearest=[Neighbour(7, 0.5, "hearts"), Neighbour(9, 0.25, "blood")])
    at.button(key="feature_nearest_9").click().run()
    assert at.session_state.opened == 9


def test_each_says_how_near_it_is(draw):
    at = draw(nearest=[Neighbour(7, 0.512, "")], co_firing=[CoFiring(9, 1200, 0.4, 0.3, "")])
    assert "cosine 0.51" in captions(at)
    assert "together on 1,200 tokens, 40 % of this one's" in captions(at)


def test_a_label_is_shown_as_it_stands(draw):
    at = draw(nearest=[Neighbour(7, 0.5, "_a_ $b$")])
    assert at.button(key="feature_nearest_7").label == r"7 · \_a\_ \$b\$"


def test_that_none_fires_on_the_same_tokens_is_said(draw):
    assert "none" in captions(draw(co_firing=[]))
