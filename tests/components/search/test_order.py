"""What the list is ordered by."""

import pytest
from streamlit.testing.v1 import AppTest

from backend.features.finding import RELEVANCE
from components.search.order import Order


@pytest.mark.parametrize(
    ("order", "name"),
    [
        (Order(RELEVANCE), "relevance, those on no question last"),
        (Order(RELEVANCE, searched=False), "selectivity, those on no forget question last"),
        (Order("retain density"), "retain density"),
        (Order("selectivity"), "selectivity"),
        (Order("paper", 0.05), "paper's sparsity (retain density below 0.05)"),
    ],
)
def test_an_order_is_named_with_its_number(order, name):
    assert order.name == name


@pytest.mark.parametrize(
    ("rank", "needed"), [("attribution", True), ("selectivity", False), ("retain density", False)]
)
def test_only_attribution_is_traced_back(rank, needed):
    assert Order(rank).needs_attribution is needed


def script(searched, orders):
    from components.search.order import draw_order

    orders.append(draw_order(searched))


@pytest.fixture
def orders():
    """The order of each run."""
    return []


def drawn(searched, orders):
    return AppTest.from_function(script, args=(searched, orders)).run()


def test_what_was_searched_for_comes_by_relevance(orders):
    drawn(True, orders)
    assert orders == [Order(RELEVANCE)]


def test_where_nothing_was_searched_for_relevance_is_called_what_it_is(orders):
    at = drawn(False, orders)
    assert orders == [Order(RELEVANCE, searched=False)]
    assert at.selectbox(key="search_rank").options[0].startswith("Relevance (selectivity with")


def test_a_rankers_number_is_offered_with_its_formula_and_source(orders):
    at = drawn(False, orders)
    at.selectbox(key="search_rank").set_value("paper").run()
    at.selectbox(key="search_setting_paper").set_value(0.05).run()
    assert orders[-1] == Order("paper", 0.05, searched=False)
    assert len(at.latex) == 1
    assert "Farrell" in at.caption[0].value


def test_the_smallest_come_first_when_asked_for(orders):
    drawn(True, orders).toggle(key="search_smallest").set_value(True).run()
    assert orders[-1] == Order(RELEVANCE, None, True)
