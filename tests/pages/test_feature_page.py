"""The feature page drawn by Streamlit's own AppTest, on the toy setup."""

import html
import re

import pytest

from backend.experiments.dose import MULTIPLES
from backend.features.atlas import Atlas
from backend.interventions.clamps import value_of
from backend.interventions.method import Gate, Method, setting_of
from backend.reading.feature_page import feature_page
from tests.pages.test_pages import words


def markup(at) -> str:
    return " ".join(e.proto.body for e in at.get("html"))


def test_it_says_the_numbers_of_the_backend(app, toy):
    page, at = feature_page(toy, 5, 20), app("feature", feature="5")
    said = words(at)
    fired, scanned = sum(page.tokens_fired.values()), sum(page.tokens_scanned.values())
    assert f"**Fires on {fired / scanned:.3%} of tokens:** {fired:,} of {scanned:,} scanned" in said
    assert f"strongest {page.max_act:.2f}" in said
    assert f"Selectivity {page.selectivity:+.1f}" in said
    for interval in page.intervals:
        assert f"{interval.n:,} tokens, {interval.share:.2%} of those it fires on" in said
    for value in (*page.promoted_logits, *page.suppressed_logits):
        assert f"<small>{value:+.3f}</small>" in markup(at)
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
    assert f"Feature {nearest}" in words(at)


def test_own_text_is_read_and_hostile_text_stays_text(app, toy):
    at = app("feature", feature="0")
    text = "<script>alert(1)</script> $x$ :smile: the heart"
    at.text_area(key="feature_text").set_value(text).run()
    assert not at.exception
    assert "<script>" not in markup(at)
    assert "tokens of your text" in words(at)
    mine = next(e.proto.body for e in at.get("html") if "your text" in e.proto.body)
    assert text in html.unescape(re.sub(r"<[^>]*>", "", mine.split("</style>")[1]))


def test_a_hostile_label_is_shown_as_it_stands(app, monkeypatch):
    label = "$x$ :smile: _a_ **b** [c](http://d) <i>"
    summary = Atlas.summary
    monkeypatch.setattr(
        Atlas, "summary", lambda self, feature: {**summary(self, feature), "label": label}
    )
    at = app("feature", feature="7")
    shown = next(s.value for s in at.subheader if "smile" in s.value)
    assert shown.replace("\\", "").replace("\u2060", "") == label
    assert all(f"\\{c}" in shown for c in "$:_*[<")
