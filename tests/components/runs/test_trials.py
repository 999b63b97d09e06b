"""What each setting is called, and what the chart of all of them says."""

import pytest

from backend.evaluation.history import Pooled, Trial
from backend.evaluation.results import Run
from backend.interventions.method import NOTHING, Gate, Method, Refusal, Setting, setting_of
from backend.interventions.rival import Rival
from components.runs.trials import legend, trial_lines, trial_names

TWO = setting_of([(1, -5.0), (9, 1.0)])


def trial(setting, *, name="", forget=50, retain=80):
    clamps, method, rival = setting
    run = Run(clamps, [], 0, 0, name, method=method, rival=rival)
    return Trial(run, Pooled(forget, 100), Pooled(retain, 100))


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (trial(TWO, name="Mine"), "Mine"),
        (trial(setting_of([(3, -5.0)])), "A preset"),
        (trial(setting_of([(1, -5.0)])), "1 · bones at -5"),
        (trial(TWO), "2 features"),
        (trial(NOTHING), "no clamp"),
    ],
)
def test_a_setting_is_called_by_its_name_its_preset_or_its_clamps(made, name):
    presets = {setting_of([(3, -5.0)]): "A preset"}
    assert trial_names([made], {1: "bones"}.get, presets) == {made.id: name}


GATED = Method(gate=Gate("rho", 0.25))


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (trial(setting_of(TWO.clamps, GATED), name="Mine"), "Mine (gate rho > 0.25)"),
        (trial(setting_of([(1, -5.0)], GATED)), "1 · bones at -5 (gate rho > 0.25)"),
        (
            trial(setting_of(TWO.clamps, Method(0.5, reach="all", keep_norm=True))),
            "2 features (firing above 0.5, all set where one fires, length kept)",
        ),
        (
            trial(setting_of(TWO.clamps, Method(refusal=Refusal(7, -9.0)))),
            "2 features (refusal latent 7 to -9 instead)",
        ),
        (trial(setting_of([(3, -5.0)], GATED)), "A gated preset"),
        (trial(setting_of([(3, -5.0)], GATED), name="Mine"), "Mine (gate rho > 0.25)"),
        (trial(setting_of([(3, -5.0)])), "3 · bones at -5"),
    ],
)
def test_the_method_is_said_beside_the_name_unless_the_preset_says_it(made, name):
    presets = {setting_of([(3, -5.0)], GATED): "A gated preset"}
    assert trial_names([made], lambda feature: "bones", presets) == {made.id: name}


RMU, LEACE = (Setting(rival=rival) for rival in (Rival("rmu", "l7-s3"), Rival("leace", "f", 1.5)))


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (trial(RMU), "RMU l7-s3"),
        (trial(LEACE), "LEACE × 1.5"),
        (trial(LEACE, name="Mine"), "Mine (LEACE × 1.5)"),
    ],
)
def test_a_rival_is_called_what_it_is(made, name):
    assert trial_names([made], str, {}) == {made.id: name}


def test_the_same_clamps_by_two_methods_are_two_trials():
    trials = [trial(TWO), trial(setting_of(TWO.clamps, GATED))]
    assert sorted(trial_names(trials, str, {}).values()) == [
        "2 features",
        "2 features (gate rho > 0.25)",
    ]


def test_no_two_trials_have_the_same_line():
    trials = [trial(setting_of([(i, -5.0), (9, 1.0)])) for i in range(4)]
    names = trial_names(trials, str, {})
    assert set(names.values()) == {"2 features"}
    assert len(set(trial_lines(trials, names).values())) == 4


def said(*trials):
    names = {t.id: f"run *{i}*" for i, t in enumerate(trials)}
    return legend(trials, names, (Pooled(70, 100), Pooled(80, 100)))


def test_the_legend_says_over_what():
    assert said(trial(TWO)).startswith("1 setting, each over 100 forget and 100 retain questions")


def test_the_legend_names_the_most_forgotten_with_retain_kept_as_plain_text():
    words = said(trial(TWO, retain=60), trial(setting_of([(1, -5.0)]), forget=40))
    assert "run \\*1\\*, 40.0 % instead of 70.0 %" in words


def test_the_legend_says_where_no_clamp_keeps_that_much():
    words = said(trial(TWO, retain=60), trial(NOTHING))
    assert "No clamp tried so far keeps that much" in words


def test_the_legend_names_the_best_of_each_kind_of_rival_beside_the_best_clamps():
    words = said(
        trial(setting_of([(1, -5.0)]), forget=40),
        trial(RMU, forget=30),
        trial(Setting(rival=Rival("rmu", "l8")), forget=20, retain=60),
        trial(LEACE, forget=60),
    )
    assert "run \\*0\\*, 40.0 % instead of 70.0 %." in words
    assert "Of the rivals\\: run \\*1\\*, 30.0 %; run \\*3\\*, 60.0 %." in words


def test_the_legend_says_where_no_rival_keeps_that_much():
    assert "No rival tried so far does." in said(trial(TWO), trial(RMU, retain=60))
