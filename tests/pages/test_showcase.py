"""Visitors of a showcase see every page, go back to what is kept, and are told what is off."""

import pytest

from backend.interventions.method import NOTHING, setting_of
from backend.showcase import SENTENCE
from tests.pages.test_pages import pick, words


@pytest.fixture
def showcase(app, toy, monkeypatch):
    for setting in (NOTHING, setting_of([(2, -40.0)])):
        toy.evaluate(setting)
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    return app


@pytest.mark.parametrize("page", ["clamp", "search", "feature", "words"])
def test_every_page_is_drawn_and_says_what_is_off(showcase, page):
    at = showcase(page, clamps="2:-40")
    assert len(at.title) == 1
    assert not at.error
    assert SENTENCE in words(at)


def test_a_kept_setting_has_its_figures(showcase, toy):
    at = showcase(clamps="2:-40")
    assert toy.finished(setting_of([(2, -40.0)])) is not None
    assert "Can this be trusted?" in words(at)
    assert "Lost and gained" in words(at)
    assert not [b for b in at.button if b.key in ("controls_run", "sweep_run")]
    assert not [t for t in at.text_input if t.key == "presets_name"]


def test_a_setting_never_tried_is_said_with_the_way_back(showcase, toy):
    before = len(toy.history.trials())
    at = showcase(clamps="2:-41")
    assert "never tried here" in words(at)
    assert not at.error
    box = next(s for s in at.selectbox if s.label == "Go back to")
    tried = next(t for t in toy.history.trials() if t.run.clamps)
    box.set_value(tried.id).run()
    assert at.session_state.board.setting() == tried.run.setting
    assert "Can this be trusted?" in words(at)
    assert len(toy.history.trials()) == before


def test_nothing_can_be_written_by_its_widgets(showcase):
    at = showcase("words", clamps="2:-40")
    assert pick(at, "Write").disabled
    at = showcase("feature", feature="5")
    assert next(t for t in at.toggle if t.label == "Star").disabled
    assert not [t for t in at.text_input if t.label == "Your own label"]
    at = showcase("search")
    assert not at.get("file_uploader")
