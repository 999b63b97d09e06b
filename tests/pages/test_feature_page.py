"""The feature page drawn by Streamlit's own AppTest, on the toy setup."""

import html
import json
import re

import pytest

from backend.experiments.dose import MULTIPLES
from backend.features.atlas import Atlas
from backend.interventions.clamps import value_of
from backend.interventions.method import Gate, Method, setting_of
from backend.reading.feature_page import feature_page
from tests.pages.test_pages import words


def markup(at) -> str:
    rows = (json.loads(e.proto.json).get("html", "") for e in at.main if e.type == "bidi_component")
    return " ".join([*(e.proto.body for e in at.get("html")), *rows])


def test_it_says_the_numbers_of_the_backend(app, toy):
    page, at = feature_page(toy, 5, 20), app("feature", feature="5")
    said = words(at)
    fired, scanned = sum(page.tokens_fired.values()), sum(page.tokens_scanned.values())
    assert (
        f"**Fires on {100 * fired / scanned:.3f} % of tokens:** {fired:,} of {scanned:,} scanned"
        in said
    )
    assert f"in the passages {page.max_act:.2f}, in the questions " in said
    assert f"Selectivity {page.selectivity:+.1f}" in said
    for interval in page.intervals:
        assert f"{interval.n:,} tokens, {100 * interval.share:.2f} % of those it fires on" in said
    for value in (*page.promoted_logits, *page.suppressed_logits):
        assert f"<small>{value:+.3f}</small>".replace("-", "−") in markup(at)
    for example in page.examples:
        assert f"<b>{example.max_act:.2f}</b>" in markup(at)
    counts = next(d.value for d in at.dataframe if "fires on" in d.value)
    assert counts["fires on"].tolist() == list(page.fires_on_questions.values())


def test_the_dose_curve_is_drawn_whole_and_its_table_says_the_engines_figures(app, toy):
    at = app("feature", feature="2")
    table = next(d.value for d in at.dataframe if "in words" in d.value)
    assert sorted(table["at"].unique()) == sorted(MULTIPLES)
    assert "running" not in words(at)
    max_act = float(toy.atlas.table.max_act[2])
    row = table[(table["at"] == -5) & (table["role"] == "forget")].iloc[0]
    result = toy.evaluate(setting_of([(2, value_of(-5, max_act))]), listed=False)
    s = next(s for s in result.sets if s.role == "forget")
    assert row["accuracy, %"] == pytest.approx(100 * s.accuracy)
    assert (row["lost"], row["gained"]) == (s.lost, s.gained)


def test_the_dose_curve_acts_by_the_boards_method_and_says_so(app, toy):
    at = app("feature", feature="2", clamps="5:-3", method="rho:0.3,reach:all")
    assert "by the board's method: gate rho > 0.3, all set where one fires." in words(at)
    table = next(d.value for d in at.dataframe if "in words" in d.value)
    row = table[(table["at"] == -5) & (table["role"] == "forget")].iloc[0]
    value = value_of(-5, float(toy.atlas.table.max_act[2]))
    setting = setting_of([(2, value)], Method(gate=Gate("rho", 0.3), reach="all"))
    s = next(s for s in toy.evaluate(setting, listed=False).sets if s.role == "forget")
    assert (row["lost"], row["gained"]) == (s.lost, s.gained)
    assert row["accuracy, %"] == pytest.approx(100 * s.accuracy)


def test_a_point_of_the_curve_becomes_a_clamp(app, toy):
    at = app("feature", feature="2")
    at.select_slider(key="feature_strength").set_value(-8.0).run()
    at.button(key="feature_clamp_at").click().run()
    assert at.session_state.board.setting() == setting_of(
        [(2, value_of(-8, float(toy.atlas.table.max_act[2])))]
    )


def test_a_neighbour_is_one_click_away(app, toy):
    at = app("feature", feature="2")
    nearest = feature_page(toy, 2).nearest[0].feature
    at.button(key=f"feature_nearest_{nearest}").click().run()
    assert at.title[0].value.startswith(f"{nearest} · ")


def test_own_text_is_read_and_hostile_text_stays_text(app, toy):
    at = app("feature", feature="0")
    text = "<script>alert(1)</script> $x$ :smile: the heart"
    at.text_area(key="feature_text").set_value(text).run()
    assert not at.exception
    assert "<script>" not in markup(at)
    assert "tokens of your text" in words(at)
    mine = next(e.proto.body for e in at.get("html") if ">your text<" in e.proto.body)
    assert text in html.unescape(re.sub(r"<[^>]*>", "", mine.split("</style>")[1]))


def test_a_hostile_label_is_shown_as_it_stands(app, monkeypatch):
    label = "$x$ :smile: _a_ **b** [c](http://d) <i>"
    summary = Atlas.summary
    monkeypatch.setattr(
        Atlas, "summary", lambda self, feature: {**summary(self, feature), "label": label}
    )
    at = app("feature", feature="7")
    shown = at.title[0].value
    assert shown.replace("\\", "").replace("\u2060", "") == f"7 · {label}"
    assert all(f"\\{c}" in shown for c in "$:_*[<")


def test_a_rows_text_goes_into_the_field_to_be_tried(app, toy):
    at = app("feature", feature="5")
    rows = [e for e in at.main if e.type == "bidi_component" and '"field"' in e.proto.json]
    asked = rows[-1]  # the questions
    states = at._tree.get_widget_states()
    mine = states.widgets.add()
    mine.id, mine.json_value = asked.proto.id, json.dumps({"tried": 0})
    at._run(states)
    assert not at.exception
    question = feature_page(toy, 5).questions[0]
    of = next(s for s in toy.sets if s.name == question.set).questions[question.index]
    wanted = f"Question: {of.question}\nAnswer: {of.choices[of.answer]}"
    assert at.text_area(key="feature_text").value == wanted
    assert "tokens of your text" in words(at)


def test_the_right_option_of_each_question_is_marked_in_words(app, toy):
    shown = feature_page(toy, 5).questions[:12]
    assert markup(app("feature", feature="5")).count(">✓ right<") == len(shown) > 0


def test_the_address_names_a_feature_before_its_title_is_drawn(app, monkeypatch):
    """Who reads the title and goes on at once finds the way back."""
    at = app("feature", feature="5")

    def broken(_):
        raise ZeroDivisionError

    at.query_params["feature"] = "5"  # as the browser has it by then
    monkeypatch.setattr("components.features.heading.called", broken)
    at.button(key="feature_next").click().run()
    assert at.query_params["feature"] == "6"
