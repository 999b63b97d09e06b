"""What leaves the page, in one popover that makes nothing before it is opened."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from backend.interventions.board import Board, Slider, write_link
from backend.interventions.method import Setting
from backend.interventions.rival import Rival
from backend.sharing.links import open_saved

BOARD = Board((Slider(1, -120.0), Slider(4, -2.0, on=False)), 1.5)
LINK = {"clamps": "1:-120,!4:-2", "master": "1.5"}
FILES = [
    "Card as PNG",
    "Card as SVG",
    "Everything in one file",
    "A page to print or send",
    "A Python program",
]


def script(engine, evaluation, board, half, link):
    from components.clamping.share import draw_share

    draw_share(engine, evaluation, board, half, link)


def drawn(engine, evaluation, *, is_open, link=LINK):
    at = AppTest.from_function(script, args=(engine, evaluation, BOARD, "all", link))
    at.session_state["share"] = is_open
    return at.run(timeout=30)


def closed(setting):
    engine = SimpleNamespace(setup=SimpleNamespace(name="toy"), d_sae=24)
    return drawn(engine, SimpleNamespace(clamps=setting.clamps, setting=setting), is_open=False)


def labels(at):
    return [button.proto.label for button in at.get("download_button")]


def test_closed_it_has_the_long_link_and_the_files_and_has_made_nothing():
    at = closed(BOARD.setting())
    assert not at.exception
    assert at.code[0].value.endswith("?clamps=1:-120,!4:-2&master=1.5")
    assert labels(at) == FILES
    assert not at.get("image")
    assert "come when what runs now is done" in at.caption[0].value
    assert all(button.proto.help for button in at.get("download_button"))


def test_of_a_rival_there_is_no_program():
    assert labels(closed(Setting(rival=Rival("leace", "f")))) == FILES[:4]


def test_opened_the_short_link_comes_first_and_opens_the_same_board(toy):
    at = drawn(toy, toy.evaluate(BOARD.setting()), is_open=True)
    assert not at.exception
    short, long = (code.value for code in at.code)
    kept = open_saved(toy.folder / "links", short.partition("?saved=")[2])
    assert kept == LINK == write_link(BOARD)
    assert long.endswith("?clamps=1:-120,!4:-2&master=1.5")
    assert at.expander[0].label == "The long link, which needs no server"


def test_opened_the_card_can_be_looked_at(toy):
    at = drawn(toy, toy.evaluate(BOARD.setting()), is_open=True)
    assert labels(at) == FILES
    assert len(at.get("image")) == 1
    assert not at.caption[0].value.startswith("The short link")


def test_in_a_showcase_only_the_long_link_is_offered_and_nothing_is_written(toy, monkeypatch):
    evaluation = toy.evaluate(BOARD.setting())
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    at = drawn(toy, evaluation, is_open=True)
    assert not at.exception
    (code,) = at.code
    assert code.value.endswith("?clamps=1:-120,!4:-2&master=1.5")
    assert not (toy.folder / "links").exists()
    assert "Card as PNG" in labels(at)


def test_a_short_link_that_cannot_be_kept_is_said_and_the_long_one_stays(toy):
    (toy.folder / "links").write_text("no folder")
    at = drawn(toy, toy.evaluate(BOARD.setting()), is_open=True)
    assert "cannot be written" in at.warning[0].value
    (code,) = at.code
    assert "?clamps=" in code.value


@pytest.mark.parametrize("is_open", [True, False])
def test_of_an_empty_board_the_link_is_the_pages_address(toy, is_open):
    at = drawn(toy, toy.evaluate(Setting()), is_open=is_open, link={})
    assert not at.exception
    (code,) = at.code
    assert "?" not in code.value
