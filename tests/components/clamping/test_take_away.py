"""What leaves the page, and what becomes of a file opened here."""

import json
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from backend.errors import BadInput
from backend.interventions.board import Board, Slider
from backend.interventions.method import NOTHING, Setting
from backend.interventions.rival import Rival
from backend.sharing.export import export, to_text
from backend.sharing.run_file import RunFile
from components.clamping.take_away import read_file

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


def script(engine, evaluation, board, half, link, on_open):
    from components.clamping.take_away import draw_take_away

    draw_take_away(engine, evaluation, board, half, link, on_open)


@pytest.fixture
def opened():
    return []


@pytest.fixture
def at(opened):
    return taken(opened, BOARD.setting())


def taken(opened, setting):
    engine = SimpleNamespace(setup=SimpleNamespace(name="toy"), d_sae=24)
    evaluation = SimpleNamespace(clamps=setting.clamps, setting=setting)
    link = {"clamps": "1:-120,!4:-2", "master": "1.5"}

    def on_open(*file):
        opened.append(file)

    args = (engine, evaluation, BOARD, "all", link, on_open)
    return AppTest.from_function(script, args=args).run()


def test_the_link_is_readable(at):
    assert at.code[0].value.endswith("?clamps=1:-120,!4:-2&master=1.5")


def test_there_are_three_files_to_take_each_said_what_it_is_for(at):
    assert [b.proto.label for b in at.get("download_button")] == [
        "Everything in one file",
        "A page to print or send",
        "A Python program",
    ]
    assert len(at.caption) == 4


def test_of_a_rival_there_is_no_program(opened):
    at = taken(opened, Setting(rival=Rival("leace", "f")))
    files = [b.proto.label for b in at.get("download_button")]
    assert files == ["Everything in one file", "A page to print or send"]


def test_a_file_that_is_opened_goes_to_the_page(at, opened):
    at.file_uploader[0].upload("other.json", b'{"kind": 1}', "application/json").run()
    ((name, found),) = opened
    assert name == "other.json"
    assert isinstance(found, BadInput)


def opened_script(engine, name, found, evaluation):
    from components.clamping.take_away import draw_opened

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
