"""One run: back to it, its pins, its note, and an end to it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from backend.errors import BadInput
from backend.evaluation.history import Pooled, Trial
from backend.evaluation.results import Results, Run
from backend.interventions.edit import clamp_set

RUN = Run(clamp_set([(2, -4.0)]), [], 1.5, 0.0, hypothesis="less *biology*")


def script(trial, results, backs, on_pin):
    from components.runs.chosen import draw_chosen

    backs.append(draw_chosen(trial, "two *stars*", results, on_pin))


@pytest.fixture
def results(tmp_path):
    kept = Results(tmp_path)
    kept.annotate(RUN)
    return kept


@pytest.fixture
def heard(results):
    heard = SimpleNamespace(backs=[], pinned=[])
    trial = Trial(RUN, Pooled(40, 100), Pooled(80, 100))
    args = (trial, results, heard.backs, lambda *pin: heard.pinned.append(pin))
    heard.at = AppTest.from_function(script, args=args).run()
    return heard


def click(heard, label):
    next(b for b in heard.at.button if b.label == label).click().run()


def test_its_figures_are_said_over_what(heard):
    said = heard.at.caption[0].value
    assert said == "forget 40.0 % of 100, retain 80.0 % of 100 · 1.5 s to compute"


def test_nothing_is_gone_back_to_unasked(heard):
    assert heard.backs == [False]


def test_the_user_goes_back_to_it(heard):
    click(heard, "Go back to this setting")
    assert heard.backs[-1] is True


def test_it_is_pinned(heard):
    click(heard, "Pin as B")
    assert heard.pinned == [("B", RUN.clamps)]


def test_it_is_deleted(heard, results):
    heard.at.button(key="runs_delete").click().run()
    assert results.read(RUN.clamps) is None


def test_what_was_expected_is_shown_as_it_was_written(heard):
    assert [t.value for t in heard.at.text] == ["less *biology*"]


def test_name_note_and_star_are_kept_with_what_else_is_known_of_it(heard, results):
    heard.at.text_input[0].set_value(" Mine ")
    heard.at.text_area[0].set_value("a note ")
    heard.at.checkbox[0].check()
    click(heard, "Keep")
    assert results.read(RUN.clamps) == replace(RUN, name="Mine", note="a note", star=True)


def test_a_run_deleted_meanwhile_is_not_written_again(heard, results):
    results.forget(RUN.clamps)
    click(heard, "Keep")
    assert results.read(RUN.clamps) is None


def test_a_note_that_cannot_be_kept_is_said(heard, results, monkeypatch):
    def refuse(run):
        raise BadInput("The disk is full.")

    monkeypatch.setattr(results, "annotate", refuse)
    click(heard, "Keep")
    assert [e.value for e in heard.at.error] == ["The disk is full."]
