"""The questions a feature fires on, as a table and as rows."""

from backend.reading.feature_page import QuestionActivation, QuestionTokens, feature_page
from components.features.questions import counts, row_of, text_of
from components.tokens.view import Row


def test_every_set_has_a_row_of_how_many_of_its_questions(toy):
    page = feature_page(toy, 5)
    table = counts(page, toy.sets)
    assert table["set"].tolist() == [s.title for s in toy.sets]
    assert table["fires on"].tolist() == [page.fires_on_questions[s.name] for s in toy.sets]
    assert table["of"].tolist() == [len(s.questions) for s in toy.sets]


READ = QuestionTokens(["Why", "?", " a", " b"], [0.0, 2.0, 3.0, 0.0], [2, 3])
QUESTION = QuestionActivation("bio", 7, 12, 3.0)


def test_a_row_stands_for_the_strongest_token_and_begins_a_line_at_each_option():
    assert row_of(QUESTION, "Biology", READ, 1) == Row(
        "3.00", "Biology 7", READ.tokens, READ.values, 2, [2, 3], 3
    )


def test_of_a_question_with_letters_the_margin_says_which_is_right():
    row = row_of(QUESTION, "Biology", READ._replace(options=[]), 2)
    assert row.note == "Biology 7 · ✓ right: C"
    assert row.right is None


def test_a_question_is_tried_with_its_right_option_alone():
    assert text_of(READ, 0) == "Why? a"
    assert text_of(READ, 1) == "Why? b"
    assert text_of(READ._replace(options=[]), 1) == "Why? a b"
