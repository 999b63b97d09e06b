"""What comes back to the page: a link, a file, and what becomes of the file."""

import json
from urllib.parse import urlencode

import pytest
from streamlit.testing.v1 import AppTest

from backend.errors import BadInput
from backend.interventions.board import Board, Slider, write_link
from backend.interventions.method import NOTHING
from backend.sharing.export import export, to_text
from backend.sharing.links import folder_of, save
from backend.sharing.run_file import RunFile
from components.clamping.open import read_file

BOARD = Board((Slider(1, -120.0), Slider(4, -2.0, on=False)), 1.5)


@pytest.fixture
def content(toy):
    return to_text(export(toy, toy.evaluate(BOARD.setting()), BOARD, "held-out")).encode()


def test_an_exported_file_is_read(toy, content):
    found = read_file(content, toy.sae.d_sae)
    assert isinstance(found, RunFile)
    assert (found.board, found.half) == (BOARD, "held-out")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b'{"kind": 1}', "no export of this program"), (b"\xff\xfe\xff", "no text in UTF-8")],
)
def test_any_other_file_is_refused_in_words(content, words):
    found = read_file(content, 24)
    assert isinstance(found, BadInput)
    assert words in str(found)


def script(engine, problem, heard):
    from functools import partial

    from components.clamping.open import draw_open

    draw_open(
        engine,
        problem,
        on_link=partial(heard, "link"),
        on_file=partial(heard, "file"),
        on_problem=partial(heard, "problem"),
    )


@pytest.fixture
def heard():
    return []


@pytest.fixture
def at(toy, heard):
    def hear(*what):
        heard.append(what)

    return AppTest.from_function(script, args=(toy, "", hear)).run()


@pytest.mark.parametrize("short", [False, True], ids=["long", "short"])
def test_a_pasted_link_goes_to_the_page_as_what_it_sets(toy, at, heard, short):
    link = write_link(BOARD) | {"half": "selection"}
    query = {"saved": save(folder_of(toy), link)} if short else link
    at.text_input[0].set_value(f"http://elsewhere/?{urlencode(query)}")
    at.button[0].click().run()
    assert heard == [("link", BOARD, "selection")]


@pytest.mark.parametrize(
    ("pasted", "words"),
    [("hello", "no link of this program"), ("?saved=abcdefghij", "no saved link 'abcdefghij'")],
)
def test_a_link_that_cannot_be_opened_comes_back_in_words(at, heard, pasted, words):
    at.text_input[0].set_value(pasted)
    at.button[0].click().run()
    ((what, text),) = heard
    assert what == "problem"
    assert words in text


def test_why_a_link_was_refused_is_said_where_it_was_pasted(toy):
    at = AppTest.from_function(script, args=(toy, "It is *no* link.", print)).run()
    assert at.warning[0].value == "It is \\*no\\* link."


def test_a_file_that_is_opened_goes_to_the_page(at, heard):
    at.file_uploader[0].upload("other.json", b'{"kind": 1}', "application/json").run()
    ((what, name, found),) = heard
    assert (what, name) == ("file", "other.json")
    assert isinstance(found, BadInput)


def opened_script(engine, name, found, evaluation):
    from components.clamping.open import draw_opened

    draw_opened(engine, evaluation, name, found)


def said(found, engine=None, evaluation=None):
    args = (engine, "a*b.json", found, evaluation)
    return AppTest.from_function(opened_script, args=args).run()


def test_a_refused_file_is_said_with_its_reason():
    (warning,) = said(BadInput("It is no export.")).warning
    assert warning.value == "a\\*b.json: It is no export."


def test_without_a_file_nothing_is_said():
    assert len(said(None).main) == 0


def test_figures_are_held_beside_those_of_the_file(toy, content):
    (success,) = said(read_file(content, 24), toy, toy.evaluate(BOARD.setting())).success
    assert success.value.startswith("a\\*b.json: The same figures as in the file")


@pytest.mark.parametrize(
    ("falsify", "words"),
    [
        (lambda raw: raw["identity"].clear(), "\n* The SAE\\: not there in the file"),
        (lambda raw: raw["sets"].pop(), "\n* The set 'history' is missing in the file"),
        (lambda raw: raw["sets"][0].update(lost=9), "\n* The set 'biology'\\: lost is 9"),
        (lambda raw: raw["identity"].update({"![x](//y)": "z"}), "\\!\\[x\\]\\(//y\\)"),
    ],
)
def test_what_differs_from_the_file_is_listed(toy, content, falsify, words):
    raw = json.loads(content)
    falsify(raw)
    found = read_file(json.dumps(raw).encode(), 24)
    at = said(found, toy, toy.evaluate(BOARD.setting()))
    assert not at.success
    assert words in at.warning[0].value


def test_once_the_board_is_another_the_file_is_spoken_of_no_more(toy, content):
    at = said(read_file(content, 24), toy, toy.evaluate(NOTHING))
    assert not at.success
    assert not at.warning
