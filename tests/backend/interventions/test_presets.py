"""Presets: the rules they are chosen by, the paper's grid, and boards kept under names."""

import pandas as pd
import pytest

from backend.errors import BadInput
from backend.interventions.board import Board, Slider
from backend.interventions.presets import (
    GRID_C,
    GRID_N,
    PRESETS,
    SavedPresets,
    forget_features,
    grid_preset,
    in_words,
    make_preset,
)

FEATURES = pd.DataFrame(
    {
        "feature": range(6),
        "forget_density": [0.30, 0.20, 0.20, 0.10, 0.05, 0.00],
        "retain_density": [0.02, 0.009, 0.005, 0.0, 0.01, 0.0],
        "selectivity": [3.9, 4.5, 1.0, 9.0, 2.3, 0.0],
        "fires_retain_selection": [0, 9, 1, 6, 2, 0],
        "max_act": [10.0, 4.26, 3.0, 2.0, 1.0, 0.0],
    }
)


@pytest.mark.parametrize(
    ("rules", "chosen"),
    [
        ({}, [1, 2, 3]),
        ({"retain_below": 0.05}, [0, 1, 2, 3, 4]),
        ({"min_selectivity": 4.5}, [1, 3]),
        ({"at_most_questions": 6}, [2, 3]),
        ({"n": 1}, [1]),
    ],
)
def test_features_are_the_densest_on_forget_text_that_the_rules_admit(rules, chosen):
    assert forget_features(FEATURES, **{"n": 10, "retain_below": 0.01, **rules}) == chosen


def test_a_preset_clamps_its_features_to_multiples_of_their_own_maxima():
    assert make_preset("forget-biology", FEATURES) == ((3, -6.0),)
    assert make_preset("too-strong", FEATURES) == ((1, -85.2), (2, -60.0), (3, -40.0))


def test_an_ablating_preset_clamps_to_zero_itself():
    assert [str(clamp.value) for clamp in make_preset("ablate-biology", FEATURES)] == ["0.0"]


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (50, "50 features: those that fire on the most"),
        (12, "12 features, as the rule admits no more of the 50 wanted on this setup: those"),
        (1, "1 feature, as the rule admits no more of the 50"),
        (0, "No feature, as the rule admits none of the 50 wanted on this setup: those"),
    ],
)
def test_the_words_of_a_preset_count_what_its_rule_gave(n, said):
    assert in_words(PRESETS["forget-biology"], n).startswith(said)


def test_what_is_known_of_the_demo_is_said_of_the_demo():
    preset = PRESETS["forget-biology"]
    assert preset.on_demo in in_words(preset, 50, demo=True)
    assert preset.on_demo not in in_words(preset, 50)


def test_a_preset_there_is_none_of_is_named_with_those_there_are():
    with pytest.raises(BadInput, match=f"no preset 'x'. Use one of: {', '.join(PRESETS)}"):
        make_preset("x", FEATURES)


def test_a_point_of_the_papers_grid_clamps_the_best_n_at_minus_c():
    assert grid_preset([9, 4, 7], 2, 50) == ((4, -50.0), (9, -50.0))
    assert (min(GRID_C), max(GRID_C), GRID_N) == (20, 200, (10, 20, 50))
    with pytest.raises(BadInput, match="leaves no feature in"):
        grid_preset([], 10, 20)


def test_a_saved_board_comes_back_whole_and_by_name(tmp_path):
    saved = SavedPresets(tmp_path)
    board = Board((Slider(3, -2.5), Slider(1, 4.0, on=False)), 1.5, 3)
    saved.save("  mine ", board)
    saved.save("another", Board((Slider(2, 0.0),)))
    assert list(saved.all(10)) == ["another", "mine"]
    assert saved.all(10)["mine"] == board
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
    assert saved.all(10) == {}
    assert list(saved.all(100)) == ["far"]
