"""Boards: what is in force, and links that read back to the same board or are refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BadInput
from backend.interventions.board import (
    MAX_MASTER,
    MAX_SLIDER,
    Board,
    Slider,
    board_of,
    read_link,
    write_link,
)
from backend.interventions.method import NOTHING, Gate, Method, Setting, setting_of
from backend.interventions.rival import MAX_TEXT, Rival
from tests.backend.interventions.test_rival import RIVALS_DRAWN

NUMBERS = st.floats(-MAX_SLIDER, MAX_SLIDER)
SLIDERS = st.lists(
    st.builds(Slider, st.integers(0, 99), NUMBERS, st.booleans()),
    max_size=6,
    unique_by=lambda s: s.feature,
).map(tuple)


@given(SLIDERS, st.floats(0, MAX_MASTER), st.data())
def test_a_link_reads_back_to_the_same_board_and_can_be_clamped(sliders, master, data):
    solo = data.draw(st.sampled_from([None, *(s.feature for s in sliders)]))
    board = Board(sliders, master, solo)
    assert read_link(write_link(board), 100) == board
    board.setting()


def test_a_link_is_short_and_says_only_what_is_set():
    board = Board((Slider(12, -60.0), Slider(45, 0.5, on=False)), 1.0, None)
    assert write_link(board) == {"clamps": "12:-60,!45:0.5"}
    assert write_link(Board()) == {}
    assert write_link(Board(board.sliders, 2.0, 12)) == {
        "clamps": "12:-60,!45:0.5",
        "master": "2.0",
        "solo": "12",
    }


@given(st.text(max_size=60), st.text(max_size=8))
def test_any_other_text_is_a_board_or_an_error_in_words(clamps, master):
    try:
        board = read_link({"clamps": clamps, "master": master}, 100)
    except BadInput as error:
        assert str(error)
    else:
        assert all(0 <= s.feature < 100 for s in board.sliders)


@pytest.mark.parametrize(
    "link",
    [
        {"clamps": "1:1", "rival": "leace"},
        {"clamps": "1:1", "rival": "rmu:../x"},
        {"clamps": "1:1", "rival": "prompt:" + "%F0%9F%A7%AC" * (MAX_TEXT + 1)},
        {"clamps": "1:1", "rival": "leace:abc:1" + "0" * 20_000},
        {"clamps": "100:1", "rival": "rmu:abc"},
        {"clamps": "100:1"},
        {"clamps": "1:nan"},
        {"clamps": "1:1,1:2"},
        {"clamps": "abc"},
        {"clamps": "1:1," * 2000},
        {"clamps": "", "master": "9"},
        {"clamps": "1:1e9"},
        {"clamps": "9" * 5000 + ":1"},
        {"clamps": "1:1", "solo": "2"},
        {"clamps": "1:1", "solo": "x" * 5000},
    ],
)
def test_bad_links_are_refused(link):
    with pytest.raises(BadInput) as error:
        read_link(link, 100)
    assert len(str(error.value)) < 200


def test_off_sliders_clamp_nothing_and_the_master_scales_the_rest():
    board = Board((Slider(3, -10.0), Slider(4, -20.0, on=False)), 1.5)
    assert board.setting().clamps == ((3, -15.0),)


def test_the_solo_slider_is_alone_in_force_as_long_as_it_is_on():
    sliders = Slider(3, -10.0), Slider(4, -20.0), Slider(5, 1.0, on=False)
    assert Board(sliders, solo=4).setting().clamps == ((4, -20.0),)
    assert Board(sliders, solo=5).setting() == NOTHING


def test_a_slider_takes_its_features_place_or_comes_last():
    board = Board((Slider(3, 1.0), Slider(4, 2.0)), 1.5, 3)
    assert board.put(Slider(3, 9.0)).sliders == (Slider(3, 9.0), Slider(4, 2.0))
    assert board.put(Slider(1, 9.0)).features() == (3, 4, 1)
    assert board.put(Slider(1, 9.0)).solo == 3


def test_a_slider_taken_away_takes_its_solo_with_it():
    board = Board((Slider(3, 1.0), Slider(4, 2.0)), 1.5, 3)
    assert board.without(3) == Board((Slider(4, 2.0),), 1.5, None)
    assert board.without(4) == Board((Slider(3, 1.0),), 1.5, 3)


def test_a_board_of_clamps_has_them_in_force():
    clamps = setting_of([(7, -1.0), (2, 3.0)])
    assert board_of(*clamps).setting() == clamps


GATED = Method(gate=Gate("rho", 0.25), reach="all")


@given(SLIDERS, RIVALS_DRAWN, st.sampled_from([Method(), GATED]), st.data())
def test_with_a_rival_a_link_keeps_the_clamps_that_are_out_of_force(sliders, rival, method, data):
    solo = data.draw(st.sampled_from([None, *(s.feature for s in sliders)]))
    board = Board(sliders, 1.5, solo, method, rival)
    assert read_link(write_link(board), 100) == board
    assert board.setting() == Setting(rival=rival)


def test_the_longest_prompt_goes_into_a_link():
    board = board_of((), rival=Rival("prompt", "\N{DNA DOUBLE HELIX}" * MAX_TEXT))
    assert read_link(write_link(board), 100) == board
    assert list(write_link(board)) == ["rival"]


def test_sliders_move_beside_a_rival_and_come_back_without_it():
    rival = Rival("leace", "abc", 2.0)
    board = Board((Slider(3, -10.0),), method=GATED, rival=rival).put(Slider(4, 1.0)).without(3)
    assert board == Board((Slider(4, 1.0),), method=GATED, rival=rival)
    assert board.setting() == Setting(rival=rival)
    assert replace(board, rival=None).setting() == setting_of([(4, 1.0)], GATED)


def test_a_board_of_a_rival_has_it_in_force():
    setting = Setting(rival=Rival("prompt", "Forget it."))
    assert board_of(*setting).setting() == setting
