import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BadInput
from backend.interventions.board import MAX_MASTER, Board, Slider, read_link, write_link
from backend.interventions.edit import MAX_VALUE

NUMBERS = st.floats(-MAX_VALUE / MAX_MASTER, MAX_VALUE / MAX_MASTER)
SLIDERS = st.lists(
    st.builds(Slider, st.integers(0, 99), NUMBERS, st.booleans()),
    max_size=6,
    unique_by=lambda s: s.feature,
).map(tuple)


@given(SLIDERS, st.floats(0, MAX_MASTER))
def test_a_link_reads_back_to_the_same_board(sliders, master):
    board = Board(sliders, master)
    assert read_link(write_link(board), 100) == board
    board.clamps()


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
        {"clamps": "100:1"},
        {"clamps": "1:nan"},
        {"clamps": "1:1,1:2"},
        {"clamps": "abc"},
        {"clamps": "1:1," * 2000},
        {"clamps": "", "master": "9"},
        {"clamps": "1:1e9"},
        {"clamps": "9" * 5000 + ":1"},
    ],
)
def test_bad_links_are_refused(link):
    with pytest.raises(BadInput):
        read_link(link, 100)


def test_off_sliders_clamp_nothing_and_the_master_scales_the_rest():
    board = Board((Slider(3, -10.0), Slider(4, -20.0, on=False)), 1.5)
    assert board.clamps() == ((3, -15.0),)
