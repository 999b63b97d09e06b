"""Names and texts from outside are shown as they stand in every Markdown place of every page."""

import re

import pytest
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from backend.engine.engine import Engine
from backend.interventions.board import Board, Slider, board_of
from backend.interventions.method import Setting, setting_of
from backend.interventions.rival import Rival, format_rival
from backend.setups import load_setup

HOSTILE = "![](//h.invalid/x) :red[x] $x$ <b> :smile: www.h.invalid"
ACTIVE = re.compile(r"(?<!\\)[!<$\[\]]|:red|:smile|www\.")
"""What does something where it stands so."""
AS_TEXT = {"Html", "Text", "Code"}
"""Elements whose body is no Markdown."""
READ_AS_MARKDOWN = {"body", "label", "help", "content", "text"}
"""Fields of elements and of the options of pills."""


def markdown_of(message: Message) -> list[str]:
    """Every text in it that Streamlit reads as Markdown."""
    found: list[str] = []
    for field, value in message.ListFields():
        if isinstance(value, str):
            found += [value] if field.name in READ_AS_MARKDOWN else []
        elif isinstance(value, Message):
            found += markdown_of(value)
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            found += [text for one in value for text in markdown_of(one)]
    return found


def said(at: AppTest) -> list[str]:
    assert not at.exception, at.exception
    protos = [getattr(node, "proto", None) for part in (at.main, at.sidebar) for node in part]
    return [
        text
        for proto in protos
        if isinstance(proto, Message) and proto.DESCRIPTOR.name not in AS_TEXT
        for text in markdown_of(proto)
    ]


def shows(at: AppTest, times: int) -> None:
    """The hostile text stands in so many Markdown places, or more, and does nothing in any."""
    texts = said(at)
    mine = [text for text in texts if "h.invalid" in text.replace("\\", "").replace("\u2060", "")]
    assert [text for text in mine if ACTIVE.search(text)] == []
    assert len(mine) >= times, mine


@pytest.fixture
def hostile(toy_toml):
    """The toy with a hostile text wherever one may stand."""
    text = toy_toml.read_text()
    for title in ("Toy", "Biology", "History", "biology text", "other text"):
        text = text.replace(f'title = "{title}"', f'title = "{HOSTILE}{title}"')
    toy_toml.write_text(text)
    (toy_toml.parent / "labels.tsv").write_text(f"3\t{HOSTILE} virus\n5\t{HOSTILE} virus\n")
    engine = Engine(load_setup(toy_toml))
    engine.saved_presets.save(HOSTILE, Board((Slider(3, -2.0),)))
    setting = setting_of([(3, -4.0), (5, -4.0)])
    engine.evaluate(setting)
    engine.results.annotate(setting, name=HOSTILE, note=HOSTILE)
    assert engine.results.remember(setting, {}, HOSTILE, 0.0)
    return engine


def test_where_a_prompt_stands_in_the_place_of_clamps(hostile, app):
    rival = Rival("prompt", HOSTILE)
    at = app(clamps="3:-4", rival=format_rival(rival))
    shows(at, 4)
    at.session_state.board = board_of(*setting_of([(3, -4.0), (5, -4.0)]))
    shows(at.run(), 4)
    at.session_state.pins = (Setting(rival=rival), setting_of([(3, -4.0), (5, -4.0)]))
    shows(at.switch_page("pages/runs.py").run(), 1)
    at.session_state.board = Board(rival=rival)
    shows(at.switch_page("pages/words.py").run(), 1)


def test_on_the_clamp_page(hostile, app):
    at = app(clamps="3:-4,5:-4")
    at.text_input(key="clamp_add").set_value("virus").run()
    shows(at, 4)
    at.text_input(key="clamp_add").set_value(HOSTILE).run()
    shows(at, 4)
    at.text_input(key="clamp_add").set_value("١" * 9).run()
    shows(at, 3)


def test_of_a_question_taken_apart(hostile, app):
    at = app("question", clamps="3:-40,5:-40", question="biology:0")
    assert any("tokens the model reads" in caption.value for caption in at.caption)
    shows(at, 3)


def test_of_a_question_looked_at(hostile, app):
    at = app(clamps="3:-40,5:-40")
    frame = next(frame for frame in at.dataframe if "question" in frame.value)
    key = frame.proto.id[frame.proto.id.index("questions_table") :]
    at.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    at.run()
    assert any("tokens the model reads" in caption.value for caption in at.caption)
    shows(at, 4)


@pytest.mark.parametrize(
    "link",
    [
        {"feature": HOSTILE},
        {"half": HOSTILE},
        {"clamps": HOSTILE},
        {"master": HOSTILE},
        {"method": HOSTILE},
    ],
)
def test_in_a_link(hostile, app, link):
    at = app(**link)
    assert at.warning
    shows(at, 3)


def test_on_the_search_page(hostile, app):
    at = app("search")
    shows(at, 3)
    at.text_input(key="search_text").set_value("h.invalid").run()
    shows(at, 3)
    at.text_input(key="search_text").set_value(HOSTILE + "zzqx").run()
    shows(at, 3)
    at.text_area(key="search_own").set_value(HOSTILE).run()
    shows(at, 3)
    at.file_uploader(key="labels_file").upload("x.jsonl", f'{{"index": "{HOSTILE}"}}'.encode())
    at.run()
    at.button(key="labels_import").click().run()
    shows(at, 3)


def test_on_the_feature_page(hostile, app):
    shows(app("feature", feature="5"), 4)
    hostile.atlas.relabel(8, label="")
    shows(app("feature", feature="8"), 3)


def test_on_the_words_page(hostile, app):
    at = app("words", clamps="3:-4")
    at.text_area(key="words_prompt").set_value(HOSTILE).run()
    at.slider(key="words_length").set_value(8).run()
    at.button(key="words_write").click().run()
    at.text_area(key="words_prompt").set_value("Another").run()
    shows(at, 3)


def test_on_the_runs_page(hostile, app):
    at = app("runs")
    frame = at.dataframe[0]
    row = frame.value["name"].tolist().index(HOSTILE)
    key = frame.proto.id[frame.proto.id.index("runs_table") :]
    at.session_state[key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    at.run()
    assert "Pin as A" in [button.label for button in at.button]
    shows(at, 4)
