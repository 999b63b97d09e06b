"""Labels in and out as a user meets them."""

import json

import pytest
from streamlit.testing.v1 import AppTest


def script():
    from functools import partial

    from components import resources, state
    from components.features.label_files import draw_label_files

    engine = resources.engine()
    draw_label_files(
        engine.atlas, engine.sae.d_sae, state.said("labels"), partial(state.say, "labels")
    )


@pytest.fixture
def at(toy, monkeypatch):
    monkeypatch.setattr("components.resources.engine", lambda: toy)
    yield AppTest.from_function(script, default_timeout=30).run()
    toy.atlas.relabel(9, label="")


def choose(at, description):
    line = json.dumps({"index": "9", "description": description, "typeName": "clampboard-own"})
    at.file_uploader(key="labels_file").set_value(("mine.jsonl", line.encode(), "")).run()
    return at.button(key="labels_import").click().run()


def test_what_an_import_brought_is_said_once(at, toy):
    choose(at, "mine")
    (said,) = at.success
    assert said.value.startswith("Taken over: 1 own and 0 of Neuronpedia's")
    assert toy.atlas.name(9) == "mine"
    assert not at.run().success


def test_a_file_that_is_no_labels_is_refused_in_words(at):
    at.file_uploader(key="labels_file").set_value(("bad.jsonl", b"\xff\xfe", "")).run()
    at.button(key="labels_import").click().run()
    assert len(at.error) == 1
    assert not at.exception
