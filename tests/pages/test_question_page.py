"""The question page drawn by Streamlit's own AppTest, on the toy setup."""

import pytest

from backend.evaluation.answers import question_table
from backend.experiments import anatomy
from backend.interventions.board import Board
from backend.interventions.method import Setting, setting_of
from backend.interventions.rival import Rival
from backend.reading.asked import Asked, asked_at
from backend.rivals.prompts import WORDINGS
from components.anatomy.lost import lost_of
from tests.pages.test_pages import words

CLAMPS = "0:-120,1:-300,13:-30"
SETTING = setting_of([(0, -120.0), (1, -300.0), (13, -30.0)])


def lost(toy):
    evaluation = toy.evaluate(SETTING)
    return lost_of(question_table(toy.sets, toy.recording, toy.tokenizer, evaluation))


def plainly(at) -> str:
    return words(at).replace("\\", "").replace("\u2060", "")


def test_without_a_question_it_opens_the_most_telling_and_steps_through_those_lost(app, toy):
    found = lost(toy)
    assert found.places, "the toy loses none"
    at = app("question", clamps=CLAMPS)
    asked = asked_at(toy, found.telling)
    assert at.session_state.question == asked
    assert at.query_params["question"] in (str(asked), [str(asked)])
    assert f"1 of {len(found.places)} lost, by how far P fell" in plainly(at)
    assert "**Lost:** chose" in plainly(at)
    at.button(key="question_1").click().run()
    assert at.session_state.question == asked_at(toy, found.places[1 % len(found.places)])


def test_a_link_opens_its_question_with_the_engines_figures_and_a_strength_is_moved(app, toy):
    at = app("question", clamps=CLAMPS, question="biology:1")
    assert "Biology, question 1" in words(at)
    scrub = anatomy.scrub_of(toy, SETTING)
    points = list(anatomy.curve(toy, 1, SETTING, scrub))
    curve = next(d.value for d in at.dataframe if "option" in d.value)
    assert len(curve) == 4 * len(points)
    now = curve[curve["at"] == "1x, as it is"]
    whole = toy.evaluate(SETTING).scores[1].softmax(-1)
    assert now["P"].tolist() == pytest.approx(whole.tolist())
    acting = [c for c in anatomy.contributions(toy, 1, SETTING) if not c.same]
    parts = next(d.value for d in at.dataframe if "P left out" in d.value)
    assert len(parts) == len(acting)
    assert f"{len(acting)} of 3 clamped feature" in words(at)
    feature = acting[0].feature
    at.selectbox(key="question_scrub").set_value(feature).run()
    at.select_slider[0].set_value(0).run()
    assert f"**Chosen: {'ABCD'[acting[0].left_out.choice]} · " in words(at)
    assert not at.exception


def test_where_nothing_is_clamped_it_says_what_to_do(app):
    at = app("question")
    assert "Nothing is clamped yet" in words(at)
    at.session_state.question = Asked("history", 0)
    at.run()
    assert "History, question 0" in words(at)
    assert "Nothing is clamped: clamp a feature" in words(at)


def test_a_question_there_is_none_of_is_said_and_another_opens(app, toy):
    at = app("question", clamps=CLAMPS, question="biology:99")
    assert any("no question 99" in warning.value for warning in at.warning)
    assert at.session_state.question == asked_at(toy, lost(toy).telling)


def test_rivals_have_no_features_and_a_strength_only_where_they_are_directions(app, toy):
    at = app("question")
    at.session_state.question = Asked("biology", 1)
    at.session_state.board = Board(rival=Rival("prompt", WORDINGS[0].text))
    at.run()
    assert "has no strength that could be moved" in words(at)
    assert "this is asked of clamps alone" in words(at)
    rival = toy.rivals.named("leace")
    at.session_state.board = Board(rival=rival)
    at.run()
    curve = next(d.value for d in at.dataframe if "option" in d.value)
    now = curve[curve["at"] == "1, as it is"]
    after = toy.evaluate(Setting(rival=rival)).scores[1].softmax(-1)
    assert now["P"].tolist() == pytest.approx(after.tolist())
    assert not at.exception
