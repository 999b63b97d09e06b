"""The card: every figure where it belongs, nothing beyond its edges, pixels with text in them."""

import io
import re
import time
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from backend.evaluation.evaluate import pooled
from backend.experiments.verdict import verdict
from backend.interventions.method import NOTHING, setting_of
from backend.sharing.card import (
    BOTTOM,
    CHART_RIGHT,
    COLOURS,
    HEIGHT,
    LEFT,
    LEGEND,
    MOST_SETS,
    RIGHT,
    SMALL,
    TOP,
    WIDTH,
    card,
    facts,
    png,
)
from backend.sharing.lettering import width
from backend.wording import points
from tests.support.results import result

SVG = "{http://www.w3.org/2000/svg}"
BEGIN = LEFT + 330 + 25
"""Of the chart's scale, which ends at CHART_RIGHT."""


def of(ran, **changes):
    return replace(facts(ran.engine, ran.evaluation, "http://host/?saved=abcdefghij"), **changes)


def texts(svg):
    return ElementTree.fromstring(svg).findall(f"{SVG}text")


def words(svg):
    return [element.text for element in texts(svg)]


def test_it_says_the_verdict_the_setting_and_what_it_was_measured_on(ran):
    said = words(card(of(ran)))
    sentence = verdict(ran.engine, ran.evaluation).sentence
    assert sentence in " ".join(said)
    assert ran.engine.name_of(ran.evaluation.setting) in said
    assert "Toy" in said
    assert f"toy · SAE, 24 features at {ran.engine.sae.hook_name} · float32" in said
    assert time.strftime("%Y-%m-%d") in said
    assert "http://host/?saved=abcdefghij" in said


def test_it_has_the_pooled_figures_and_those_of_the_held_out_half(ran):
    said = words(card(of(ran)))
    held_out = ran.engine.restrict(ran.evaluation, ran.engine.half("held-out"))
    for role in ("forget", "retain"):
        for sets, n in ((ran.evaluation.sets, True), (held_out.sets, False)):
            s = pooled(sets, role)
            assert points(s.change_pp, s.ci_low_pp, s.ci_high_pp) in said
            if n:
                assert f"{role.capitalize()}, {s.n} questions" in said
                assert f"{100 * s.baseline_accuracy:.1f} % → {100 * s.accuracy:.1f} %" in said
    n = [pooled(held_out.sets, role).n for role in ("forget", "retain")]
    assert f"Held-out half, {n[0]} + {n[1]} questions" in said


def test_a_set_is_two_dots_and_a_band_and_its_role_stands_in_colour_and_in_words(ran):
    sets = (
        result("kept", n=100, lost=10, gained=4, role="retain"),
        result("gone", n=200, lost=50, role="forget"),
    )
    svg = card(of(ran, sets=sets))
    root = ElementTree.fromstring(svg)
    dots = [(float(d.get("cx")) - BEGIN) / (CHART_RIGHT - BEGIN) for d in root.iter(f"{SVG}circle")]
    gone, kept = sets[1], sets[0]
    expected = [gone.baseline_accuracy, gone.accuracy, kept.baseline_accuracy, kept.accuracy]
    assert dots == pytest.approx(expected, abs=1e-3)
    colours = COLOURS["light"]
    fills = [d.get("fill") for d in root.iter(f"{SVG}circle")]
    assert fills == [colours.ground, colours.forget, colours.ground, colours.retain]
    bands = [r for r in root.iter(f"{SVG}rect") if r.get("fill-opacity")]
    low = float(bands[0].get("x"))
    assert (low - BEGIN) / (CHART_RIGHT - BEGIN) == pytest.approx(
        gone.baseline_accuracy + gone.ci_low_pp / 100, abs=1e-3
    )
    roles = [(t.text, t.get("fill")) for t in texts(svg) if t.text in ("forget", "retain")]
    assert roles[:2] == [("forget", colours.forget), ("retain", colours.retain)]


def test_more_sets_than_fit_are_counted(ran):
    many = tuple(result(f"set {i}", n=100, lost=1) for i in range(MOST_SETS + 3))
    said = words(card(of(ran, sets=many)))
    assert "and 4 more sets" in said
    assert "set 5" in said
    assert "set 6" not in said
    assert "more sets" not in " ".join(words(card(of(ran, sets=many[:MOST_SETS]))))


LONG = "An endless name <b>& more</b> “ü” 日本 " * 12


@pytest.fixture(params=["as it is", "long", "one word"])
def any_facts(request, ran):
    if request.param == "as it is":
        return of(ran)
    text = LONG if request.param == "long" else "W" * 400
    sets = tuple(replace(s, title=text) for s in ran.evaluation.sets) * 8
    return of(
        ran, sentence=text * 3, name=text, title=text, model=text, sae=text, link=text, sets=sets
    )


def test_no_text_leaves_the_picture_or_meets_another_on_its_line(any_facts):
    spans = []
    for t in texts(card(any_facts)):
        size, x, y = (float(t.get(name)) for name in ("font-size", "x", "y"))
        assert size >= SMALL
        wide = width(t.text, size, t.get("font-weight") == "bold")
        begin = x - wide * {"start": 0, "middle": 0.5, "end": 1}[t.get("text-anchor")]
        assert begin >= LEFT - 1
        assert begin + wide <= RIGHT + 1
        assert size <= y <= HEIGHT - 0.3 * size
        spans.append((begin, begin + wide, y - 0.75 * size, y + 0.2 * size, t.text))
    for i, (x1, x2, y1, y2, one) in enumerate(spans):
        for x3, x4, y3, y4, other in spans[i + 1 :]:
            apart = x2 <= x3 + 1 or x4 <= x1 + 1 or y2 <= y3 or y4 <= y1
            assert apart, f"{one[:40]!r} meets {other[:40]!r}"


def test_the_sentence_and_the_name_stand_above_the_chart(any_facts):
    above = [t for t in texts(card(any_facts)) if float(t.get("font-size")) in (46, 40, 34, 30)]
    assert all(float(t.get("y")) < TOP - 10 for t in above)
    assert float(next(t for t in texts(card(any_facts)) if t.text == LEGEND).get("y")) > BOTTOM


@pytest.mark.parametrize("look", COLOURS)
def test_all_text_stands_out_from_the_ground(ran, look):
    for t in texts(card(of(ran), look)):
        assert contrast(t.get("fill"), COLOURS[look].ground) >= 4.5


def contrast(one, other):
    def luminance(colour):
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_it_is_drawn_in_pixels_of_its_size_with_its_text_by_a_font_that_ships(ran):
    svg = card(of(ran))
    assert Image.open(io.BytesIO(png(svg))).size == (WIDTH, HEIGHT)
    grey = np.asarray(Image.open(io.BytesIO(png(svg))).convert("L"))
    bare = np.asarray(Image.open(io.BytesIO(png(re.sub(r"<text.*?</text>", "", svg)))).convert("L"))
    written = grey != bare
    for t in texts(svg):
        size, x, y = (float(t.get(name)) for name in ("font-size", "x", "y"))
        wide = width(t.text, size, t.get("font-weight") == "bold")
        begin = x - wide * {"start": 0, "middle": 0.5, "end": 1}[t.get("text-anchor")]
        box = written[int(y - 0.75 * size) : int(y), int(begin) : int(begin + wide)]
        assert box.mean() > 0.05, f"{t.text!r} is not there"


def test_where_nothing_acts_there_is_no_held_out_figure(ran):
    nothing = facts(ran.engine, ran.engine.evaluate(NOTHING))
    assert nothing.held_out is None
    assert not [text for text in words(card(nothing)) if text.startswith("Held-out")]


def test_the_same_setting_gives_the_same_card(ran):
    again = ran.engine.evaluate(setting_of([(1, -180.0)]))
    assert card(facts(ran.engine, again)) == card(facts(ran.engine, ran.evaluation))
