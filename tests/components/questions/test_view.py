"""The question view as HTML: exact, escaped, complete without its tooltips."""

import html
import re
from dataclasses import replace

import pytest
import torch
from streamlit.testing.v1 import AppTest

from backend.data.questions import Question
from backend.interventions.method import Gate
from backend.reading.seen import SeenGate, SeenOption, SeenQuestion, SeenSequence, SeenToken
from components.questions.view import (
    MOST_LISTED,
    chosen_line,
    gate_rows,
    heading,
    legend,
    view_html,
)


def tokens(*texts, fired=()):
    return tuple(
        SeenToken(i, text, i == 0, fired if text == " heart" else ())
        for i, text in enumerate(texts)
    )


QUESTION = Question(3, "t", "Which?", ("The <b>heart", "A cell", "Air", "Bone"), 0, "biology")
LETTER = SeenQuestion(
    "Biology",
    QUESTION,
    tokens("<bos>", "Which", " heart", "?", "\n", "\u202e", fired=((7, 3.5), (2, 0.25))),
    tuple(
        SeenOption((), (letter, f" {letter}"), -1.0, -2.5, p, 1 - p)
        for letter, p in zip("ABCD", (0.7, 0.1, 0.1, 0.1), strict=True)
    ),
)
CLOZE = replace(
    LETTER,
    options=tuple(
        SeenOption(tokens("", f" {t}", " heart"), (f" {t}", " heart", "!"), -1.0, -2.5, 0.25, 0.25)
        for t in "wxyz"
    ),
)


def words(text):
    return html.unescape(re.sub("<[^>]+>", "", text))


def test_dataset_text_never_becomes_markup():
    drawn = view_html(LETTER, clamped=True)
    assert "<bos>" not in drawn and "&lt;bos&gt;" in drawn and "<b>heart" not in drawn
    assert "\u202e" not in drawn and "[U+202E]" in drawn


def test_every_firing_place_is_said_in_words():
    said = words(view_html(LETTER, clamped=True))
    assert "feature 7 fires at “ heart” 3.50" in said and "feature 2 fires at “ heart” 0.25" in said


def test_shares_before_and_after_and_the_right_answer_are_there():
    said = words(view_html(LETTER, clamped=True))
    assert "A ✓ right" in said and "0.70 → 0.30" in said and "scored by “A” or “ A”" in said
    assert "→" not in words(view_html(LETTER, clamped=False))


def test_a_fired_feature_has_its_name_and_a_link_that_keeps_the_board():
    drawn = view_html(LETTER, True, {7: "<i>hearts", 2: ""}.get, {"clamps": "7:-3,2:1"})
    assert 'href="feature?clamps=7%3A-3%2C2%3A1&amp;feature=7"' in drawn
    assert "<i>" not in drawn
    assert "feature 7 · <i>hearts fires at" in words(drawn)
    assert "feature 2 fires at" in words(drawn)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            (2, 1, 0, 0),
            (0, 3, 0, 0),
            "**Lost:** chose A cell (P 0.87) instead of The <b>heart (0.61 → 0.04).",
        ),
        (
            (0, 3, 0, 0),
            (2, 1, 0, 0),
            "**Gained:** chose The <b>heart (P 0.61) instead of A cell (0.87 → 0.22).",
        ),
        ((2, 1, 0, 0), (3, 0, 0, 0), "chose The <b>heart as before (0.61 → 0.87)."),
        (
            (0, 3, 0, 0),
            (0, 2, 0, 0),
            "chose A cell, as before, not The <b>heart (0.04 → 0.10).",
        ),
        (
            (0, 3, 0, 0),
            (0, 0, 3, 0),
            "chose Air (P 0.87) instead of A cell (0.87 → 0.04); "
            "right is The <b>heart (0.04 → 0.04).",
        ),
    ],
)
def test_what_was_chosen_instead_of_what_is_said_in_a_line(before, after, said):
    shares = [torch.tensor(s, dtype=torch.float64).softmax(-1).tolist() for s in (before, after)]
    options = tuple(
        SeenOption((), ("A",), *scores)
        for scores in zip(map(float, before), map(float, after), *shares, strict=True)
    )
    line = chosen_line(replace(LETTER, options=options))
    assert line.replace("\\", "") == said
    assert "<b>" not in line


def test_an_options_tokens_and_its_last_scored_one_stand_beside_it():
    said = words(view_html(CLOZE, clamped=True))
    assert "[no text] w heart!" in said
    assert "by itself" in legend(CLOZE) and "by itself" not in legend(LETTER)


def test_heading_counts_tokens_and_firing_ones():
    assert (
        heading(LETTER, True)
        == "Biology, question 3: the 6 tokens the model reads; a clamped feature fires on 1 of"
        " them."
    )
    quiet = replace(LETTER, tokens=tokens("Air"))
    assert "fires on none of them, so nothing changes here" in heading(quiet, True)


def test_many_firing_places_are_cut_and_counted():
    many = replace(LETTER, tokens=tokens(*[" heart"] * 50, fired=((7, 1.0),)))
    assert f"and at {50 - MOST_LISTED} more places" in view_html(many, clamped=True)


def gated(*opens):
    gate = Gate("rho", 0.3)
    sequences = tuple(
        SeenSequence(i, ("<bos>", "\n"), (0.0, 0.5 if o else 0.1), 0.5 if o else 0.1, o)
        for i, o in enumerate(opens)
    )
    return replace(CLOZE, gate=SeenGate(gate, sequences))


def test_a_gate_that_stays_closed_is_said_where_features_fire():
    closed, one = (gated(*opens) for opens in ([False] * 4, [False, True, False, False]))
    assert "but the gate stays closed, so nothing changes here" in heading(closed, True)
    assert "closed" not in heading(one, True)
    assert "The gate stays closed (rho 0.1, tau 0.3)" in closed.gate.in_words()
    assert "opens with 1 of 4 options (at most rho 0.5, tau 0.3)" in one.gate.in_words()


def test_the_statistic_has_a_row_a_token_and_sequence():
    rows = gate_rows(gated(False, True).gate)
    assert rows["sequence"].tolist() == ["with A", "with A", "with B", "with B"]
    assert rows["position"].tolist() == [1, 2, 1, 2]
    assert rows["token"].tolist() == ["<bos>", "↵"] * 2
    assert rows["statistic"].tolist() == [0.0, 0.1, 0.0, 0.5]
    assert rows["state"].tolist() == ["closed", "closed", "open", "open"]


def script(view, asked):
    from components.questions.view import draw_question_view

    asked.append(draw_question_view(view, anatomy=True))


def test_the_anatomy_of_a_question_is_asked_for_by_its_button():
    asked = []
    at = AppTest.from_function(script, args=(LETTER, asked)).run()
    at.button(key="question_anatomy").click().run()
    assert asked == [False, True]
