"""What each setting is called, and what the chart of all of them says."""

import pytest

from backend.evaluation.history import Pooled, Trial
from backend.evaluation.results import Run
from backend.interventions.edit import clamp_set
from components.runs.trials import legend, trial_lines, trial_names

TWO = clamp_set([(1, -5.0), (9, 1.0)])


def trial(clamps, *, name="", forget=50, retain=80):
    return Trial(Run(clamps, [], 0, 0, name), Pooled(forget, 100), Pooled(retain, 100))


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (trial(TWO, name="Mine"), "Mine"),
        (trial(clamp_set([(3, -5.0)])), "A preset"),
        (trial(clamp_set([(1, -5.0)])), "1 · bones at -5"),
        (trial(TWO), "2 features"),
        (trial(()), "no clamp"),
    ],
)
def test_a_setting_is_called_by_its_name_its_preset_or_its_clamps(made, name):
    presets = {clamp_set([(3, -5.0)]): "A preset"}
    assert trial_names([made], {1: "bones"}.get, presets) == {made.id: name}


def test_no_two_trials_have_the_same_line():
    trials = [trial(clamp_set([(i, -5.0), (9, 1.0)])) for i in range(4)]
    names = trial_names(trials, str, {})
    assert set(names.values()) == {"2 features"}
    assert len(set(trial_lines(trials, names).values())) == 4


def said(*trials):
    names = {t.id: f"run *{i}*" for i, t in enumerate(trials)}
    return legend(trials, names, (Pooled(70, 100), Pooled(80, 100)))


def test_the_legend_says_over_what():
    assert said(trial(TWO)).startswith("1 setting, each over 100 forget and 100 retain questions")


def test_the_legend_names_the_most_forgotten_with_retain_kept_as_plain_text():
    words = said(trial(TWO, retain=60), trial(clamp_set([(1, -5.0)]), forget=40))
    assert "run \\*1\\*, 40.0 % instead of 70.0 %" in words


def test_the_legend_says_where_no_clamp_keeps_that_much():
    words = said(trial(TWO, retain=60), trial(()))
    assert "No clamp tried so far keeps that much" in words
