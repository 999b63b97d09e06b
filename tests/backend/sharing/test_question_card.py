"""The picture of one question: whole, escaped, and with the figures it was given."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from backend.data.questions import Question
from backend.experiments import anatomy
from backend.experiments.anatomy import Answer
from backend.interventions.method import NOTHING, setting_of
from backend.sharing.question_card import MOST, QuestionCard, card_of, question_svg

HOSTILE = '<script>alert("1")</script> & \u0000 \u202e'
CARD = QuestionCard(
    "Biology, question 1",
    Question(1, "t", "Which organ?", ("heart", "cell", "air", "bone"), 1, "biology"),
    "2 features at −3x max",
    "toy",
    Answer((0.0, 2.0, 0.0, 0.0)),
    Answer((3.0, 0.0, 0.0, 0.0)),
    ((0.0, Answer((0.0, 2.0, 0.0, 0.0))), (1.0, Answer((3.0, 0.0, 0.0, 0.0)))),
    "all clamps together",
    1.0,
    (("7 · organs", 0.31), ("9 · bones", -0.12)),
)


def words(svg: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(svg).iter() if e.tag.endswith("text")]


def test_it_says_the_options_before_and_after_and_what_came_back():
    said = words(question_svg(CARD))
    for expected in ("Which organ?", "B cell (right)", "A heart (chosen)", "0.71", "→ 0.04"):
        assert expected in said
    assert {"7 · organs", "+0.31", "9 · bones", "−0.12", "present"} < set(said)
    assert "2 features at −3x max, on toy" in said


def test_hostile_text_stays_text():
    asked = replace(CARD.question, question=HOSTILE, choices=(HOSTILE,) * 4)
    svg = question_svg(replace(CARD, question=asked, setting=HOSTILE, where=HOSTILE, model=HOSTILE))
    assert not any(e.tag.endswith("script") for e in ET.fromstring(svg).iter())
    assert "\u202e" not in svg


def test_without_a_strength_there_is_no_curve_and_without_clamps_no_feature():
    svg = question_svg(replace(CARD, points=(), contributions=()))
    assert "polyline" not in svg
    assert not any("given back" in said for said in words(svg))


def test_it_is_made_of_what_the_engine_says(toy):
    setting, place = setting_of([(0, -120.0), (1, -300.0), (2, -40.0)]), 1
    before, after = (anatomy.answer(toy, place, s) for s in (NOTHING, setting))
    scrub = anatomy.scrub_of(toy, setting)
    points = list(anatomy.curve(toy, place, setting, scrub))
    found = list(anatomy.contributions(toy, place, setting))
    card = card_of(toy, place, setting, before, after, scrub, points, found)
    assert card.setting == toy.name_of(setting)
    assert [strength for strength, _ in card.points] == sorted(
        p.strength for p in points if p.strength is not None
    )
    right, whole = card.question.answer, toy.evaluate(setting).scores[place].softmax(-1)
    for called, gives in card.contributions:
        left = anatomy.without(setting, int(called.split(" · ")[0].removeprefix("feature ")))
        share = toy.evaluate(left).scores[place].softmax(-1)[right]
        assert gives == pytest.approx(float(share - whole[right]), abs=1e-6)
    assert 0 < len(card.contributions) <= MOST
