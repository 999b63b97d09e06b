"""Contributions as rows, from answers made by hand."""

import pytest

from backend.experiments.anatomy import Answer, Contribution
from components.anatomy.contributions import in_measure, in_words, table_of

BEFORE, WHOLE = Answer((3.0, 0.0, 0.0, 0.0)), Answer((0.0, 2.0, 0.0, 0.0))


def one(feature, left_out, same=False):
    return Contribution(feature, -3.0, not same, same, Answer(left_out), BEFORE)


FOUND = [
    one(7, (0.0, 3.0, 0.0, 0.0)),
    one(2, (1.0, 2.0, 0.0, 0.0)),
    one(9, WHOLE.scores, same=True),
    one(4, WHOLE.scores),
]


def test_a_row_says_what_comes_back_and_the_most_comes_first():
    rows = table_of(FOUND, WHOLE, BEFORE, 0, {7: "", 2: "cells", 4: ""}.get)
    assert rows["feature"].tolist() == ["2 · cells", "4", "7"]
    shares = [Answer(s).shares[0] for s in ((1.0, 2.0, 0.0, 0.0), (0.0, 3.0, 0.0, 0.0))]
    assert rows["gives"][0] == pytest.approx(shares[0] - WHOLE.shares[0])
    assert rows["gives"][2] == pytest.approx(shares[1] - WHOLE.shares[0])
    assert rows["sign"].tolist() == ["+", "", "−"]
    assert rows["margin"].tolist() == [1.0, 0.0, -1.0]
    assert rows["said"][0].startswith("2 · cells: P 0.10 → 0.22 when it is left out; alone 0.87")


def test_the_margin_is_drawn_when_that_is_asked_for():
    rows = table_of(FOUND, WHOLE, BEFORE, 0, lambda feature: "")
    drawn = in_measure(rows, "margin")
    assert drawn["gives"].tolist() == [1.0, 0.0, -1.0]
    assert drawn["text"].tolist() == ["+1.00", "0.00", "−1.00"]
    assert in_measure(rows, "P") is rows


def test_those_that_contribute_nothing_are_counted():
    said = "3 of 4 clamped features act on this question; the other 1 contribute exactly 0."
    assert in_words(FOUND, 4) == said.replace("the other 1 contribute", "the other contributes")
    assert in_words(FOUND[:2], 4) == "2 of 4 clamped features so far…"
    assert in_words(FOUND[:1], 1) == "1 of 1 clamped feature acts on this question."
