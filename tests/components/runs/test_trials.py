"""What each setting is called, and what the chart of all of them says."""

import pytest

from backend.evaluation.history import Pooled, Trial
from backend.evaluation.results import Run
from backend.interventions.method import NOTHING, Gate, Method, Setting, setting_of
from backend.interventions.names import setting_name
from backend.interventions.rival import Rival
from components.runs.trials import legend, trial_lines, trial_names, won

TWO = setting_of([(1, -5.0), (9, 1.0)])


def trial(setting, *, name="", forget=50, retain=80):
    clamps, method, rival = setting
    run = Run(clamps, [], 0, 0, name, method=method, rival=rival)
    return Trial(run, Pooled(forget, 100), Pooled(retain, 100))


GATED = Method(gate=Gate("rho", 0.25))
RMU, LEACE = (Setting(rival=rival) for rival in (Rival("rmu", "l7-s3"), Rival("leace", "f", 1.5)))


def name_of(setting: Setting) -> str:
    return setting_name(setting, lambda feature: 2.5, lambda feature: "bones", {})


def names(*trials):
    return [*trial_names(trials, name_of).values()]


def test_a_trial_is_called_what_the_user_called_it_or_what_it_is():
    assert names(trial(TWO, name="Mine"), trial(setting_of([(1, -5.0)])), trial(RMU)) == [
        "Mine",
        "1 · bones at −2x max",
        "RMU l7-s3",
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            [setting_of([(1, -5.0), (9, -5.0)]), setting_of([(1, -5.0), (8, -5.0)])],
            ["2 features at −2x max (with 9)", "2 features at −2x max (with 8)"],
        ),
        (
            [setting_of(TWO.clamps, Method(gate=Gate("rho", tau))) for tau in (0.2, 0.3)],
            [f"2 features at −2x to 0.4x max, gated (gate rho > {tau})" for tau in (0.2, 0.3)],
        ),
        (
            [setting_of([(1, -5.0), (9, -5.0)]), setting_of([(1, -5.01), (9, -5.0)])],
            ["2 features at −2x max (1 at −5)", "2 features at −2x max (1 at −5.01)"],
        ),
        (
            [Setting(rival=Rival("leace", of, 1.0)) for of in ("aa", "bb")],
            ["LEACE × 1 (leace:aa:1)", "LEACE × 1 (leace:bb:1)"],
        ),
    ],
)
def test_trials_of_one_name_are_told_apart_by_what_differs(settings, expected):
    assert names(*map(trial, settings)) == expected


def test_two_that_a_user_called_alike_are_told_apart_by_what_they_are():
    assert names(trial(TWO, name="Mine"), trial(LEACE, name="Mine"), trial(RMU)) == [
        "Mine (2 features at −2x to 0.4x max)",
        "Mine (LEACE × 1.5)",
        "RMU l7-s3",
    ]


def test_no_two_of_many_have_the_same_name():
    many = [trial(setting_of([(i, -5.0), (9, 1.0 + j * 1e-9)])) for i in range(4) for j in range(2)]
    assert len(set(names(*many))) == len(many)


def test_no_two_trials_have_the_same_line():
    trials = [trial(setting_of([(i, -5.0), (9, 1.0)])) for i in range(4)]
    alike = {t.id: "2 features" for t in trials}
    assert len(set(trial_lines(trials, alike).values())) == 4


BEFORE = (Pooled(70, 100), Pooled(80, 100))


def said(*trials):
    return won(trials, {t.id: f"run *{i}*" for i, t in enumerate(trials)}, BEFORE)


def test_the_legend_says_over_what_and_how_many_are_of_sweeps():
    assert legend([trial(TWO)], BEFORE).startswith(
        "1 setting, each over 100 forget and 100 retain questions"
    )
    swept = trial(TWO)._replace(swept=True)
    assert "1 setting and 2 points of sweeps" in legend([trial(RMU), swept, swept], BEFORE)


def test_the_most_forgotten_with_retain_kept_is_named_as_plain_text():
    words = said(trial(TWO, retain=60), trial(setting_of([(1, -5.0)]), forget=40))
    assert "run \\*1\\*, 40.0 % instead of 70.0 %." in words


def test_it_is_said_where_no_clamp_keeps_that_much():
    words = said(trial(TWO, retain=60), trial(NOTHING))
    assert "No clamp tried so far keeps 99 % of the retain accuracy" in words


def test_the_best_rival_that_keeps_as_much_stands_beside_the_best_clamps():
    words = said(
        trial(setting_of([(1, -5.0)]), forget=40),
        trial(RMU, forget=30),
        trial(Setting(rival=Rival("rmu", "l8")), forget=20, retain=60),
        trial(LEACE, forget=60),
    )
    assert "run \\*0\\*, 40.0 % instead of 70.0 %. Of the rivals: run \\*1\\*, 30.0 %." in words
    assert "No rival tried so far does." in said(trial(TWO), trial(RMU, retain=60))
