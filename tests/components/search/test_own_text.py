"""The user's own text, and which features on it count."""

import pytest
from streamlit.testing.v1 import AppTest

from backend.reading.own_text import DENSE
from components.search.own_text import Asked


def script(asked):
    from components.search.own_text import draw_own_text

    asked.append(draw_own_text())


@pytest.fixture
def asked():
    """What was asked for in each run."""
    return []


@pytest.fixture
def at(asked):
    return AppTest.from_function(script, args=(asked,)).run()


@pytest.mark.parametrize("text", ["", " \n "])
def test_without_a_text_nothing_is_asked_for(at, asked, text):
    at.text_area(key="search_own").set_value(text).run()
    assert asked[-1] is None


def test_at_first_dense_features_and_exempt_positions_are_left_out(at, asked):
    at.text_area(key="search_own").set_value("The heart.").run()
    assert asked[-1] == Asked("The heart.", exempt_too=False, densest=DENSE)


def test_the_user_lets_both_count(at, asked):
    at.text_area(key="search_own").set_value("The heart.")
    at.toggle(key="search_own_sparse").set_value(False)
    at.toggle(key="search_own_exempt").set_value(True).run()
    assert asked[-1] == Asked("The heart.", exempt_too=True, densest=None)
