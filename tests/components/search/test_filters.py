"""Which features the list shows."""

import pytest
from streamlit.testing.v1 import AppTest

from backend.features.finding import Filters


def script(shown):
    from components.search.filters import draw_filters

    shown.append(draw_filters())


@pytest.fixture
def shown():
    """The filters of each run."""
    return []


@pytest.fixture
def at(shown):
    return AppTest.from_function(script, args=(shown,)).run()


def test_at_first_all_are_let_through(at, shown):
    assert shown == [Filters()]


def test_the_users_bounds_are_taken(at, shown):
    at.select_slider(key="search_forget").set_value(0.001)
    at.select_slider(key="search_limit").set_value(0.05)
    at.select_slider(key="search_selective").set_value(2).run()
    assert shown[-1] == Filters(0.001, 0.05, 2)


@pytest.mark.parametrize("name", ["labelled", "starred", "known"])
def test_a_switch_turns_its_filter_on(at, shown, name):
    at.toggle(key=f"search_{name}").set_value(True).run()
    assert shown[-1] == Filters(**{name: True})


def test_a_badge_says_how_many_are_on_and_all_can_be_taken_off(at, shown):
    assert not at.markdown
    at.toggle(key="search_labelled").set_value(True)
    at.select_slider(key="search_limit").set_value(0.05).run()
    assert "2 on" in at.markdown[0].value
    at.button(key="search_all").click().run()
    assert shown[-1] == Filters()
    assert not at.markdown
