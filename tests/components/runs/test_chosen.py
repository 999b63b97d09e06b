"""One run: back to it, its pins, its note, and an end to it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from streamlit.testing.v1 import AppTest

from backend.evaluation.history import Pooled, Trial
from backend.evaluation.results import Results
from backend.interventions.method import setting_of

SETTING = setting_of([(2, -4.0)])


def script(trial, results, backs, on_pin, on_compare):
    from components.runs.chosen import draw_chosen

    backs.append(draw_chosen(trial, "two *stars*", results, on_pin, on_compare))


@pytest.fixture
def results(tmp_path):
    kept = Results(tmp_path, (3, 4))
    kept.write(SETTING, torch.zeros(3, 4), torch.tensor([True, False, False]), 1.5)
    kept.remember(SETTING, {}, "less *biology*", 0.0)
    return kept


@pytest.fixture
def heard(results):
    return drawn(results)


def drawn(results, *, swept=False, compare=True):
    heard = SimpleNamespace(backs=[], pinned=[], compared=[])
    trial = Trial(results.read(SETTING), Pooled(40, 100), Pooled(80, 100), swept=swept)
    on_compare = heard.compared.append if compare else None
    args = (trial, results, heard.backs, lambda *pin: heard.pinned.append(pin), on_compare)
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
    assert heard.pinned == [("B", SETTING)]


def test_it_is_compared_with_the_board(heard):
    click(heard, "Compare with the board")
    assert heard.compared == [SETTING]


def test_the_board_itself_is_compared_with_nothing(results):
    labels = [b.label for b in drawn(results, compare=False).at.button]
    assert "Compare with the board" not in labels


def test_a_point_of_a_sweep_is_gone_back_to_before_it_is_written_about(results):
    heard = drawn(results, swept=True)
    assert not heard.at.text_input
    assert "go back to it to name it" in heard.at.caption[1].value
    click(heard, "Go back to this setting")
    assert heard.backs[-1] is True


def test_it_is_deleted(heard, results):
    heard.at.button(key="runs_delete").click().run()
    assert results.read(SETTING) is None


def test_what_was_expected_is_shown_as_it_was_written(heard):
    assert [t.value for t in heard.at.text] == ["less *biology*"]


def test_name_note_and_star_are_kept_with_what_else_is_known_of_it(heard, results):
    before = results.read(SETTING)
    heard.at.text_input[0].set_value(" Mine ")
    heard.at.text_area[0].set_value("a note ")
    heard.at.checkbox[0].check()
    click(heard, "Keep")
    assert results.read(SETTING) == replace(before, name="Mine", note="a note", star=True)


def test_what_another_session_wrote_stays_where_nothing_was_changed_here(heard, results):
    results.annotate(SETTING, name="Theirs", star=True)
    heard.at.text_area[0].set_value("a note")
    click(heard, "Keep")
    run = results.read(SETTING)
    assert (run.name, run.star, run.note) == ("Theirs", True, "a note")


def test_a_run_deleted_meanwhile_is_not_written_again_and_the_note_is_still_there(heard, results):
    results.forget(SETTING)
    heard.at.text_area[0].set_value("a note")
    click(heard, "Keep")
    assert results.read(SETTING) is None
    (said,) = heard.at.warning
    assert "not there any more" in said.value
    assert heard.at.text_area[0].value == "a note"


@pytest.fixture
def unwritable(results, monkeypatch, tmp_path):
    (tmp_path / "x.json").mkdir()
    monkeypatch.setattr(results, "_path", lambda setting: tmp_path / "x.json")


def test_a_note_that_cannot_be_kept_is_said_and_still_there(heard, unwritable):
    heard.at.text_area[0].set_value("a note")
    click(heard, "Keep")
    (said,) = heard.at.warning
    assert "cannot be read, so it is not written over" in said.value
    assert heard.at.text_area[0].value == "a note"


def test_a_run_that_cannot_be_deleted_is_said(heard, unwritable):
    heard.at.button(key="runs_delete").click().run()
    (said,) = heard.at.warning
    assert "cannot be deleted" in said.value
