"""The curve's rows, rules and words, from answers made by hand."""

import pytest

from backend.data.questions import Question
from backend.experiments.anatomy import Answer, Point, Scrub
from components.anatomy.curve import (
    bars_of,
    flips_in_words,
    rules_of,
    said_of,
    table_of,
)

QUESTION = Question(3, "t", "Which?", ("heart", "cell", "air", "bone"), 1, "biology")
ALL = Scrub("all", None, 1.0)


def at(strength, choice):
    return Point(strength, Answer(tuple(2.0 if i == choice else 0.0 for i in range(4))))


POINTS = [at(None, 1), at(1.0, 0), at(0.0, 1), at(0.5, 0), at(0.25, 1)]


def test_the_table_goes_by_strength_with_the_answer_without_first():
    table = table_of(POINTS, QUESTION, ALL)
    assert table["said_at"].unique().tolist() == ["without", "0x", "0.25x", "0.5x", "1x, as it is"]
    assert table["strength"].iloc[0] < 0
    assert table["off"].sum() == 4
    assert table.groupby("strength")["share"].sum().tolist() == pytest.approx([1.0] * 5)
    assert set(table[table["strength"] == 0.5]["chosen"]) == {"A"}


def test_a_flip_is_said_with_both_strengths_and_has_a_rule():
    said = "The answer flips from B ✓ to A between 0.25x and 0.5x."
    assert flips_in_words(POINTS, QUESTION, ALL) == said
    rules = {rule.name: rule.at for rule in rules_of(POINTS, ALL, 0.25)}
    assert rules == {"present": 1.0, "0.25x": 0.25, "flips to A": 0.375}
    assert flips_in_words([at(1.0, 1)], QUESTION, ALL) == "The answer is B ✓ at every strength."
    assert flips_in_words([], QUESTION, ALL) == ""


def test_strengths_are_said_in_their_own_units():
    assert said_of(-2.9996, Scrub("feature", 5, -2.9996)) == "−3x, as it is"
    assert said_of(1.5, Scrub("direction", None, 1.0)) == "1.5"


def test_the_bars_have_the_share_at_the_strength_and_without():
    rows = bars_of(POINTS[1].answer, POINTS[0].answer, QUESTION, "1x")
    assert rows["option"].tolist() == ["A heart", "B ✓ cell", "C air", "D bone"]
    assert rows["share"].tolist() == list(POINTS[1].answer.shares)
    assert rows["before"].tolist() == list(POINTS[0].answer.shares)
    assert rows["said"][0] == "A heart: P 0.71 (1x), 0.10 without."
