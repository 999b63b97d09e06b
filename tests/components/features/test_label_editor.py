"""The label editor as a user meets it."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from backend.features.label_lines import MAX_LABEL


def script():
    from functools import partial

    from components import resources, state
    from components.features.label_editor import draw_label_editor

    draw_label_editor(resources.engine().atlas, 5, state.said("label"), partial(state.say, "label"))


@pytest.fixture
def at(toy, toy_toml, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_SETUP", str(toy_toml))
    monkeypatch.setattr("components.resources.engine", lambda: toy)
    yield AppTest.from_function(script, default_timeout=30).run()
    toy.atlas.relabel(5, label="", star=False)


def words(at):
    return " ".join(c.value for c in at.caption)


def test_ones_own_label_is_kept_shown_and_taken_back(at, toy):
    assert "label of this setup" in words(at)
    at.text_input[0].set_value("capsids").run()
    assert not at.exception
    assert toy.atlas.name(5) == "capsids"
    assert "your own label" in words(at)
    next(b for b in at.button if b.label == "Take my label back").click().run()
    assert toy.atlas.name(5) == "viruses"
    assert "label of this setup" in words(at)


def test_a_star_goes_on_and_off(at, toy):
    at.toggle[0].set_value(True).run()
    assert toy.atlas.table.star[5]
    assert at.toggle[0].value
    at.toggle[0].set_value(False).run()
    assert not toy.atlas.table.star[5]


def test_a_label_that_cannot_be_kept_is_said_once_and_not_shown(at, toy, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(toy.atlas.labels, "_own_file", Path("/proc/none/own.jsonl"))
        at.text_input[0].set_value("x" * MAX_LABEL).run()
    (error,) = at.error
    assert "cannot be written" in error.value
    assert toy.atlas.name(5) == "viruses"
    assert not at.run().error
