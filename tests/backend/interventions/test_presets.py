"""Presets: the paper's grid, and boards kept under names."""

import pytest

from backend.errors import BadInput
from backend.interventions.board import Board, Slider
from backend.interventions.presets import GRID_C, GRID_N, SavedPresets, grid_preset


def test_a_point_of_the_papers_grid_clamps_the_best_n_at_minus_c():
    assert grid_preset([9, 4, 7], 2, 50) == ((4, -50.0), (9, -50.0))
    assert (min(GRID_C), max(GRID_C), GRID_N) == (20, 200, (10, 20, 50))
    with pytest.raises(BadInput):
        grid_preset([], 10, 20)


def test_a_saved_board_comes_back_whole_and_by_name(tmp_path):
    saved = SavedPresets(tmp_path)
    board = Board((Slider(3, -2.5), Slider(1, 4.0, on=False)), 1.5, 3)
    saved.save("  mine ", board)
    saved.save("another", Board((Slider(2, 0.0),)))
    assert list(saved.all(10)) == ["another", "mine"] and saved.all(10)["mine"] == board
    saved.save("mine", Board((Slider(5, 1.0),)))
    assert saved.all(10)["mine"] == Board((Slider(5, 1.0),))
    saved.delete("mine")
    assert list(SavedPresets(tmp_path).all(10)) == ["another"]


@pytest.mark.parametrize(
    ("name", "board"),
    [("", Board((Slider(1, 1.0),))), ("x" * 61, Board((Slider(1, 1.0),))), ("x", Board())],
)
def test_a_preset_needs_a_name_and_something_to_keep(tmp_path, name, board):
    with pytest.raises(BadInput):
        SavedPresets(tmp_path).save(name, board)


def test_damaged_or_foreign_presets_are_passed_over(tmp_path):
    saved = SavedPresets(tmp_path)
    saved.save("far", Board((Slider(99, 1.0),)))
    (tmp_path / "x.json").write_text("[1")
    (tmp_path / "y.json").write_text('{"name": "y", "link": 3}')
    assert saved.all(10) == {} and list(saved.all(100)) == ["far"]
