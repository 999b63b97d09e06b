"""What was tried, as points: figures against the engine's own, the front against its definition."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.evaluation.evaluate import pooled
from backend.evaluation.history import (
    KINDS,
    Pooled,
    Trial,
    best_kept,
    board_of_run,
    front,
    fronts,
    kind_of,
    trial_table,
)
from backend.evaluation.results import Run
from backend.evaluation.versus import (
    questions_side_by_side,
    settings_side_by_side,
    together,
    versus,
)
from backend.interventions.board import Board, Slider, write_link
from backend.interventions.method import NOTHING, Gate, Method, Setting, setting_of
from backend.interventions.rival import PUSHED, Rival
from backend.store import read_bytes, write_json


@pytest.fixture
def tried(toy):
    """Two settings of which something is known to change, and the baseline."""
    runs = [setting_of(pairs) for pairs in ([], [(1, -300.0)], [(0, -120.0), (2, -80.0)])]
    return [toy.evaluate(clamps) for clamps in runs]


def trial(toy, clamps, only=None):
    return next(t for t in toy.history.trials(only) if t.run.setting == clamps)


@pytest.mark.parametrize("half", [None, "held-out"])
def test_a_trials_figures_are_those_of_the_board(toy, tried, half):
    only = None if half is None else toy.half(half)
    for evaluation in tried:
        shown = evaluation if only is None else toy.restrict(evaluation, only)
        mine = trial(toy, evaluation.setting, only)
        for role, found in (("forget", mine.forget), ("retain", mine.retain)):
            sets = [s for s in shown.sets if s.role == role]
            assert found.n == sum(s.n for s in sets)
            assert found.right == round(sum(s.accuracy * s.n for s in sets))
    assert (
        trial(toy, NOTHING, only).forget,
        trial(toy, NOTHING, only).retain,
    ) == toy.history.baseline(only)


def test_a_file_is_read_again_only_when_it_changed(toy, tried, monkeypatch):
    toy.history.trials()
    read = []
    original = toy.results.read_file
    monkeypatch.setattr(toy.results, "read_file", lambda path: read.append(path) or original(path))
    toy.history.trials()
    assert read == []
    toy.results.annotate(tried[1].setting, note="written again")
    toy.history.trials()
    assert len(read) == 1


@pytest.mark.parametrize("rows", [[[10**6, [0, 0, 0, 1]]], [[0, [1]], [1, [1, 2]]], "x"])
def test_a_file_of_another_recording_is_left_out(toy, tried, rows):
    baseline, damaged, whole = (evaluation.setting for evaluation in tried)
    path = toy.results._path(damaged)
    write_json(path, json.loads(read_bytes(path)) | {"rows": rows})
    assert {t.run.setting for t in toy.history.trials()} == {baseline, whole}


POINTS = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), max_size=12)


@given(POINTS)
def test_the_front_is_what_no_other_trial_beats(points):
    trials = [
        Trial(Run(setting_of([(i, 1.0)]).clamps, [], 0, 0), Pooled(forget, 10), Pooled(retain, 10))
        for i, (forget, retain) in enumerate(points)
    ]
    found = {(t.forget.right, t.retain.right) for t in front(trials)}
    beaten = {
        (f, r)
        for f, r in points
        if any((f2 <= f and r2 >= r) and (f2, r2) != (f, r) for f2, r2 in points)
    }
    assert found == set(points) - beaten
    best = best_kept(trials, Pooled(10, 10))
    kept = [f for f, r in points if r == 10]
    assert (best.forget.right if best else None) == min(kept, default=None)


RIVALS = [Rival("rmu", "a"), *(Rival(kind, "f") for kind in PUSHED), Rival("prompt", "Forget.")]


def test_every_setting_is_of_a_kind():
    gated = setting_of([(1, -5.0)], Method(gate=Gate("rho", 0.2)))
    settings = [NOTHING, gated, *(Setting(rival=rival) for rival in RIVALS)]
    kinds = [kind_of(setting) for setting in settings]
    assert kinds[:3] == ["clamps", "gated clamps", "RMU"]
    assert kinds[3:6] == ["direction"] * 3
    assert set(kinds) == set(KINDS)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(RIVALS))))
def test_each_kind_has_a_front_of_its_own(points):
    trials = [
        Trial(Run((), [], 0, 0, name=str(i), rival=rival), Pooled(forget, 9), Pooled(retain, 9))
        for i, (forget, retain, rival) in enumerate(points)
    ]
    found = fronts(trials)
    assert set(found) == {t.kind for t in trials}
    for kind, best in found.items():
        assert best == front([t for t in trials if t.kind == kind])


def test_a_trial_carries_the_answers_to_all_questions(toy, tried):
    for evaluation in tried:
        right = evaluation.predictions() == toy.sets.answers
        half = trial(toy, evaluation.setting, toy.half("held-out"))
        assert torch.equal(half.right, right)
        assert half.forget.n < int(toy.sets.role("forget").sum())


def test_going_back_to_a_rival_leaves_the_clamps_on_the_board_where_they_are(toy):
    now = Board((Slider(3, -10.0), Slider(4, -2.0, on=False)), 2.0)
    then = Board((Slider(7, -1.0),), rival=RIVALS[0])
    run = Run((), [], 0, 0, link=tuple(write_link(then).items()), rival=then.rival)
    assert board_of_run(run, toy.d_sae, now) == replace(now, rival=RIVALS[0])


def test_going_back_brings_the_master_and_what_was_off(toy):
    board = Board((Slider(3, -10.0), Slider(4, -2.0, on=False)), 2.0)
    toy.evaluate(board.setting())
    toy.results.remember(board.setting(), write_link(board), "", 0.0)
    run = toy.results.read(board.setting())
    assert board_of_run(run, toy.sae.d_sae, Board()) == board
    for link in (
        (("clamps", "3:1"),),
        (("clamps", "nonsense"),),
    ):  # says something else than the run, or cannot be read
        other = Run(run.clamps, [], 0, 0, link=link)
        assert board_of_run(other, toy.sae.d_sae, board).setting() == run.setting


def test_two_settings_question_by_question(toy, tried):
    _, a, b = tried
    answer = torch.tensor([q.answer for s in toy.sets for q in s.questions])
    table = questions_side_by_side(toy.sets, a, b)
    for kind, right_a, right_b in (
        ("both", True, True),
        ("only A", True, False),
        ("only B", False, True),
        ("neither", False, False),
    ):
        expected = ((a.predictions() == answer) == right_a) & (
            (b.predictions() == answer) == right_b
        )
        assert (table["right under"] == kind).tolist() == expected.tolist()
    for row, s in zip(versus(toy.sets, a, b), a.sets, strict=True):
        mine = table[table["set"] == row.title]
        assert (row.only_a, row.only_b) == (
            (mine["right under"] == "only A").sum(),
            (mine["right under"] == "only B").sum(),
        )
        assert row.a == pytest.approx(s.accuracy)
        assert row.change.change_pp == pytest.approx(100 * (row.b - row.a))
    for row in together(versus(toy.sets, a, b)):
        mine = table[table["set"].isin([s.title for s in toy.sets if s.role == row.role])]
        assert (row.n, row.title) == (len(mine), f"all {row.role}")
        only_a, only_b = ((mine["right under"] == f"only {which}").sum() for which in "AB")
        assert row.change.change_pp == pytest.approx(100 * (only_b - only_a) / len(mine))
        assert row.change.ci_low_pp <= row.change.change_pp <= row.change.ci_high_pp
        assert row.b - row.a == pytest.approx(row.change.change_pp / 100)
    settings = settings_side_by_side(a.clamps, b.clamps)
    assert settings["feature"].tolist() == [0, 1, 2]
    assert settings["a"].isna().tolist() == [
        True,
        False,
        True,
    ]


def test_the_table_has_a_row_a_trial(toy, tried):
    trials = toy.history.trials()
    table = trial_table(trials, {t.id: "x" for t in trials})
    assert len(table) == len(trials)
    assert table["front"].any()
    assert set(table["kind"]) == {"clamps"}
    assert set(table["rival"]) == {""}
    assert (table["forget_low"] <= table["forget"]).all()


def test_the_table_says_changes_as_the_board_does(toy, tried):
    held = toy.history.trials(toy.half("held-out"))
    trials = toy.history.trials()
    table = trial_table(trials, {t.id: "x" for t in trials}, toy.max_act, held).set_index("id")
    for evaluation in tried:
        row = table.loc[trial(toy, evaluation.setting).id]
        half = toy.restrict(evaluation, toy.half("held-out"))
        for role in ("forget", "retain"):
            whole, of_half = (pooled(e.sets, role) for e in (evaluation, half))
            said = f"{role}_change"
            assert row[said] == pytest.approx(whole.change_pp)
            ends = (whole.ci_low_pp, whole.ci_high_pp)
            assert (row[f"{said}_low"], row[f"{said}_high"]) == pytest.approx(ends)
            assert row[f"held_{role}"] == pytest.approx(of_half.change_pp)
    assert table["forget_said"].str.contains(r"^[−+].* pp \[").any()
    assert (table["strength"] != "").sum() == 2


def test_points_of_sweeps_are_trials_when_asked_for_unless_they_were_tried(toy, tried):
    swept = setting_of([(5, -2.5)])
    for setting in (swept, tried[1].setting):
        found = toy.evaluate(setting, listed=False)
        toy.swept.write(setting, found.scores, found.affected, found.seconds)
    assert swept not in {t.run.setting for t in toy.history.trials()}
    both = {t.run.setting: t for t in toy.history.trials(swept=True)}
    assert both[swept].swept
    assert not both[tried[1].setting].swept
    table = trial_table(list(both.values()), {t.id: "x" for t in both.values()})
    assert not table["front"][table["swept"]].any()


def test_no_float_noise_stands_in_the_tables_clamps():
    setting = setting_of([(73, -58.86000000000001)])
    made = Trial(Run(setting.clamps, [], 0, 0), Pooled(1, 2), Pooled(1, 2))
    assert trial_table([made], {made.id: "x"})["clamps"].tolist() == ["73:-58.86"]
