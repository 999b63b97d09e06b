"""The questions a feature fires on, as a table and as rows."""

from backend.reading.feature_page import QuestionActivation, QuestionTokens, feature_page
from components.features.questions import counts, row_of
from components.tokens.view import Row


def test_every_set_has_a_row_of_how_many_of_its_questions(toy):
    page = feature_page(toy, 5)
    table = counts(page, toy.sets)
    assert table["set"].tolist() == [s.title for s in toy.sets]
    assert table["fires on"].tolist() == [page.fires_on_questions[s.name] for s in toy.sets]
    assert table["of"].tolist() == [len(s.questions) for s in toy.sets]


def test_a_row_stands_for_the_strongest_token_and_begins_a_line_at_each_option():
    read = QuestionTokens(["Why", "?", " a", " b"], [0.0, 2.0, 3.0, 0.0], [2, 3])
    assert row_of(QuestionActivation("bio", 7, 12, 3.0), "Biology", read) == Row(
        "3.00", "Biology 7", read.tokens, read.values, 2, [2, 3]
    )
