"""What was chosen in place of right answers."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from backend.evaluation.answers import question_table
from backend.interventions.method import setting_of
from components.texts.instead import Instead, chose_instead


def test_they_are_the_lost_questions_whose_right_answer_fell_furthest(toy):
    evaluation = toy.evaluate(setting_of([(0, -60.0), (2, -60.0), (5, -60.0)]))
    table = question_table(toy.sets, toy.recording, toy.tokenizer, evaluation)
    right = toy.sets.answers
    before, after = evaluation.baseline.softmax(-1), evaluation.scores.softmax(-1)
    falls = {
        q: float(before[q, a] - after[q, a])
        for q, a in enumerate(right.tolist())
        if int(before[q].argmax()) == a != int(after[q].argmax())
    }
    assert falls, "nothing was lost"
    wanted = sorted(falls, key=lambda q: -falls[q])[:2]
    found = chose_instead(table, most=2)
    assert [one.question for one in found] == [toy.sets.questions[q].question for q in wanted]
    for one, q in zip(found, wanted, strict=True):
        question = toy.sets.questions[q]
        assert one.right == question.choices[question.answer]
        assert one.chosen == question.choices[int(after[q].argmax())] != one.right
        assert one.fall == pytest.approx(falls[q], abs=1e-6)


def test_where_nothing_was_lost_there_is_nothing():
    columns = ["change", "question", "right", "after", "p_before", "p_after"]
    assert chose_instead(pd.DataFrame([["gained", "Q", "a", "a", 0.2, 0.6]], columns=columns)) == []
    assert chose_instead(pd.DataFrame()) == []


def script(found):
    from components.texts.instead import draw_instead

    draw_instead(found)


def test_they_are_drawn_escaped_with_the_chance_before_and_after():
    at = AppTest.from_function(script, args=([Instead("A <b>?", "&", "no", 0.71, 0.182)],)).run()
    made = at.get("html")[0].proto.body
    assert "A &lt;b&gt;?" in made
    assert "<s>&amp;</s> → <b>no</b>" in made
    assert "71.0 % → 18.2 %" in made
    assert not AppTest.from_function(script, args=([],)).run().get("html")
