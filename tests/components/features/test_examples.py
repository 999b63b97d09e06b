"""A row for each example, and why an interval has none."""

from backend.reading.examples import Example, Interval
from components.features.examples import row_of, why_empty
from components.tokens.view import Row


def test_a_row_stands_for_the_token_its_example_is_shown_for():
    example = Example("biology", ["The", " heart", " beats"], [0.0, 2.5, 4.0], 4.0, 1, 0)
    assert row_of(example) == Row("2.50", "biology", example.tokens, example.values, 1)


def test_a_row_says_how_many_more_are_alike():
    example = Example("biology", ["a"], [1.0], 1.0, 0, 3)
    assert row_of(example).note == "biology · 3 more alike"


def test_an_interval_without_examples_says_whether_any_token_lies_in_it():
    assert why_empty(Interval(0.0, 1.0, 0, 0.0, [])) == "No token lies in it."
    assert "among the examples above" in why_empty(Interval(0.0, 1.0, 2, 0.5, []))
