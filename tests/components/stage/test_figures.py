"""Numbers, sentence and chart for a room: what is final is told from what is not."""

import json
import re
from dataclasses import replace

import pytest

from backend.evaluation.evaluate import Evaluation, pooled
from backend.experiments.verdict import falls
from backend.interventions.method import NOTHING, setting_of
from components.charts.board import dumbbell
from components.stage.figures import (
    CHART_TEXT,
    StageFigures,
    enlarged,
    number,
    numbers_html,
    standing,
)

SETTING = setting_of([(0, -60.0), (2, -60.0), (5, -60.0)])


class Place:
    def __init__(self):
        self.drawn = []

    def html(self, body):
        self.drawn.append(body)

    def altair_chart(self, chart, width):
        self.drawn.append(chart)


def drawn(toy, evaluation, **more):
    places = (Place(), Place(), Place())
    figures = StageFigures(places, toy, None, lambda of: f"<final> {of.setting == SETTING}")
    figures.draw(evaluation, **more)
    return [place.drawn[-1] for place in places]


@pytest.fixture
def partial(toy, monkeypatch) -> Evaluation:
    monkeypatch.setattr("backend.model.held.TOKENS_PER_BATCH", {("cpu", "float32"): 16})
    seen = []
    toy.evaluate(SETTING, seen.append)
    return next(e for e in seen if not e.complete and e.n_run)


def test_final_figures_are_those_of_the_roles_together(toy):
    evaluation = toy.evaluate(SETTING)
    numbers, sentence, _ = drawn(toy, evaluation)
    shown = re.findall(r'stage-number">(\d+) → (\d+) %<', numbers)
    for role, (before, after) in zip(("forget", "retain"), shown, strict=True):
        mine = [s for s in evaluation.sets if s.role == role]
        n = sum(s.n for s in mine)
        right = sum(round(s.n * s.accuracy) for s in mine)
        was = sum(round(s.n * s.baseline_accuracy) for s in mine)
        assert (int(before), int(after)) == (round(100 * was / n), round(100 * right / n))
        assert f"{n} questions" in numbers
    assert "stage-final" in numbers
    assert "so far" not in numbers
    assert "&lt;final&gt; True" in sentence


def test_figures_that_still_grow_say_so_and_are_never_called_final(toy, partial):
    numbers, sentence, _ = drawn(toy, partial)
    done, touched = int(partial.done.sum()), int(partial.affected.sum())
    assert done < touched
    assert f"So far, {done} of {touched} touched questions" in sentence
    assert "stage-running" in numbers
    for s in (pooled(partial.sets, role) for role in ("forget", "retain")):
        said = "not yet known" if s.waiting else f"so far, {s.n_done} of {s.n_affected} touched"
        assert said in numbers
    assert "final" not in numbers + sentence


def test_figures_of_the_former_setting_say_so(toy):
    numbers, sentence, _ = drawn(toy, toy.evaluate(NOTHING), former=True)
    assert numbers.count("former setting") == 2
    assert "Figures of the former setting" in sentence
    assert "final" not in numbers + sentence


def test_where_nothing_acts_there_is_one_number_each(toy):
    evaluation = toy.evaluate(NOTHING)
    numbers, _, _ = drawn(toy, evaluation)
    assert "→" not in numbers
    assert numbers.count("as the model is") == 2


def test_what_is_not_known_is_no_number(toy):
    sets = toy.evaluate(SETTING).sets
    waiting = tuple(replace(s, n_done=0) for s in sets)
    assert all(fall.result.waiting for fall in falls(waiting))
    assert all(number(fall, acts=True).endswith("→ … %") for fall in falls(waiting))
    assert numbers_html(waiting, "running", acts=True).count("not yet known") == 2


def test_a_sentence_on_growing_figures_counts_over_all_sets(toy, partial):
    assert standing(partial.sets, "running").startswith(f"So far, {int(partial.done.sum())} of ")


def test_the_chart_can_be_read_from_far(toy):
    chart = json.loads(enlarged(dumbbell(toy.evaluate(SETTING).sets, 0.25)).to_json())
    axis = chart["config"]["axis"]
    assert axis["labelFontSize"] == axis["titleFontSize"] == CHART_TEXT >= 18
