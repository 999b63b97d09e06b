"""Shipped presets: the rules their features are chosen by, and the paper's grid."""

import pandas as pd
import pytest

from backend.errors import BadInput
from backend.features.presets import (
    GRID_C,
    GRID_N,
    PRESETS,
    clamps_of,
    forget_features,
    grid_preset,
    in_words,
    presets_for,
    sae_name,
)
from backend.features.tuned import BIOLOGY, read_tuned
from backend.interventions.board import MAX_SLIDER
from backend.interventions.method import format_method
from backend.setups import SaeSource, load_setup

FEATURES = pd.DataFrame(
    {
        "feature": range(6),
        "forget_density": [0.30, 0.20, 0.20, 0.10, 0.05, 0.00],
        "retain_density": [0.02, 0.009, 0.005, 0.0, 0.01, 0.0],
        "selectivity": [3.9, 4.5, 1.0, 9.0, 2.3, 0.0],
        "fires_retain_selection": [0, 9, 1, 4, 2, 0],
        "fires_forget_selection": [0, 3, 8, 8, 1, 0],
        "max_act": [10.0, 4.26, 3.0, 2.0, 1.0, 0.0],
    }
)


@pytest.mark.parametrize(
    ("rules", "chosen"),
    [
        ({}, [1, 2, 3]),
        ({"retain_below": 0.05}, [0, 1, 2, 3, 4]),
        ({"min_selectivity": 4.5}, [1, 3]),
        ({"at_most_questions": 4}, [2, 3]),
        ({"at_most_questions": 3}, [2]),
        ({"by": "fires_forget_selection"}, [2, 3, 1]),
        ({"n": 1}, [1]),
    ],
)
def test_features_are_the_densest_on_forget_text_that_the_rules_admit(rules, chosen):
    assert forget_features(FEATURES, **{"n": 10, "retain_below": 0.01, **rules}) == chosen


def test_a_preset_clamps_its_features_to_multiples_of_their_own_maxima():
    assert clamps_of(PRESETS["forget-biology"], FEATURES) == ((3, -8.0),)
    assert clamps_of(PRESETS["too-strong"], FEATURES) == ((1, -85.2), (2, -60.0), (3, -40.0))


def test_a_preset_goes_no_further_than_a_slider_can():
    large = FEATURES.assign(max_act=200_000.0)
    values = {c.value for c in clamps_of(PRESETS["too-strong"], large)}
    assert values == {-MAX_SLIDER} == {-1_000_000.0}
    assert {c.value for c in clamps_of(PRESETS["forget-biology"], large)} == {-800_000.0}


def test_an_ablating_preset_clamps_to_zero_itself():
    assert [str(clamp.value) for clamp in clamps_of(PRESETS["ablate-biology"], FEATURES)] == ["0.0"]


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (30, "30 features: those that fire on the most"),
        (12, "12 features, as the rule admits no more of the 30 wanted on this setup: those"),
        (1, "1 feature, as the rule admits no more of the 30"),
        (0, "No feature, as the rule admits none of the 30 wanted on this setup: those"),
    ],
)
def test_the_words_of_a_preset_count_what_its_rule_gave(n, said):
    assert in_words(PRESETS["forget-biology"], n).startswith(said)


def test_what_is_known_of_the_demo_is_said_of_the_demo():
    preset = PRESETS["forget-biology"]
    assert preset.on_demo in in_words(preset, 30, demo=True)
    assert preset.on_demo not in in_words(preset, 30)


def test_dsg_takes_its_own_ranking_and_sets_all_of_it_to_minus_500():
    features = FEATURES.assign(
        forget_mean=[3.0, 5.0, 1.0, 0.1, 0.0, 0.0], retain_mean=[0.1, 0.0, 1.0, 0.2, 0.3, 0.0]
    )
    chosen = clamps_of(PRESETS["dsg"], features)
    assert [clamp.value for clamp in chosen] == [-500.0] * len(chosen)
    # The ratio reaches its 95th percentile at feature 1 alone.
    assert [clamp.feature for clamp in chosen] == [1]


@pytest.mark.parametrize(
    ("sae", "names"),
    [
        ("", set()),
        ("demo", {"forget-biology-tuned"}),
        ("gemma-scope-2b-pt-res/layer_3/width_16k/average_l0_142", {"dsg"}),
        (
            "gemma-scope-2b-pt-res-canonical/layer_7/width_16k/canonical",
            {"dsg", "clamp-prime", "refusal-clamp"},
        ),
        (
            "gemma-scope-2b-pt-res/layer_7/width_16k/average_l0_69",
            {"dsg", "clamp-prime", "refusal-clamp"},
        ),
        ("gemma-scope-2-1b-it-res/layer_13_width_16k_l0_medium", {"starting-point"}),
        ("qwen-scope-3-1.7b-base-w32k-l50/layer13", {"starting-point"}),
    ],
)
def test_presets_of_one_sae_are_offered_for_it_alone(sae, names):
    general = {name for name, preset in PRESETS.items() if not preset.saes}
    assert set(presets_for(sae)) == general | names


def test_a_starting_point_is_in_the_saes_own_units_and_says_that_it_is_not_published():
    preset = PRESETS["starting-point"]
    assert clamps_of(preset, FEATURES) == ((1, -17.0), (2, -12.0), (3, -8.0))
    assert "not a published result" in in_words(preset, 20)
    assert preset.method.gate.kind == "rho"


def test_the_demos_sae_is_known_by_its_folder(tmp_path):
    assert sae_name(load_setup("demo").sae) == "demo"
    assert sae_name(SaeSource(path=tmp_path)) == ""
    gemma = load_setup("gemma-2-2b-it").sae
    assert sae_name(gemma) == "gemma-scope-2b-pt-res/layer_7/width_16k/average_l0_69"


def test_what_was_found_has_a_value_of_its_own_for_each_feature():
    tuned = read_tuned(BIOLOGY)
    many = pd.DataFrame({"feature": range(4096), "max_act": 1.0})
    preset = PRESETS["forget-biology-tuned"]
    assert clamps_of(preset, many) == tuned.clamps
    assert len({clamp.value for clamp in tuned.clamps}) > 90
    assert preset.method == tuned.method
    assert preset.method.gate.kind == "cusum"


def test_khoriatys_settings_are_those_of_their_table():
    many = pd.DataFrame({"feature": range(16384), "max_act": 1.0})
    prime = clamps_of(PRESETS["clamp-prime"], many)
    assert prime == tuple((f, -300.0) for f in (1709, 4788, 9186, 9723, 11766))
    refusal = PRESETS["refusal-clamp"]
    assert [c.feature for c in clamps_of(refusal, many)] == [
        1709, 3058, 4788, 9186, 9723, 11078, 11766, 13381, 14050, 16246,
    ]  # fmt: skip
    assert format_method(refusal.method) == "threshold:0.05,refusal:15864:-500"


def test_a_point_of_the_papers_grid_clamps_the_best_n_at_minus_c():
    assert grid_preset([9, 4, 7], 2, 50) == ((4, -50.0), (9, -50.0))
    assert (min(GRID_C), max(GRID_C), GRID_N) == (20, 200, (10, 20, 50))
    with pytest.raises(BadInput, match="leaves no feature in"):
        grid_preset([], 10, 20)
