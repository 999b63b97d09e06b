"""The arithmetic of the benchmark of moves, on the toy; no time is ever asserted."""

from dataclasses import replace

import pytest
import torch

from backend.evaluation.change import affected_questions
from backend.experiments import moves as moving
from backend.experiments.full_pass import full_pass
from backend.interventions.method import Gate, Method, setting_of


@pytest.fixture
def rows(toy, monkeypatch):
    monkeypatch.setattr(moving, "_features", lambda engine: list(range(engine.d_sae)))
    return {row.what: row for row in moving.moves(toy)}


def test_every_row_has_the_same_bits_and_runs_no_more_than_without(rows):
    assert len(rows) == 6
    for row in rows.values():
        assert row.identical
        assert 0 < row.questions <= row.questions_anew
        assert row.ratio == pytest.approx(row.seconds_anew / row.seconds)


def test_a_set_built_step_by_step_runs_what_each_feature_touches(toy, rows):
    row = next(row for what, row in rows.items() if "building a set" in what)
    steps = int(row.what.split()[0])
    features = moving._features(toy)[:steps]
    touched = [
        int(affected_questions(toy.recording, setting_of([(feature, 0.0)])).sum())
        for feature in features
    ]
    assert row.questions == sum(touched)
    assert row.questions_anew > row.questions


def test_nothing_of_it_is_kept_for_the_engine(toy):
    setting = moving._clamped(toy, moving._features(toy))
    before = {path for path in toy.folder.rglob("*") if path.is_file()}
    moving.moves(toy)
    assert {path for path in toy.folder.rglob("*") if path.is_file()} == before
    assert toy.finished(setting) is None


def test_other_bits_are_seen(toy):
    right = toy.evaluate(setting_of([(1, -30.0)]), anew=True)
    wrong = replace(right, scores=right.scores + 1e-6)
    row = moving._row("x", [moving.Timed(wrong, 1.0)], [moving.Timed(right, 2.0)])
    assert not row.identical
    assert "| NO |" in moving.markdown([row])


def test_the_careful_pass_gives_the_engines_scores(toy):
    plain, _ = toy.load_plain()
    setting = setting_of([(0, -12.0), (1, -30.0), (5, 4.0)])
    scores = full_pass(plain, toy.runner, toy.packed, setting, toy.setup.scoring)
    wanted = toy.evaluate(setting, anew=True).scores
    torch.testing.assert_close(scores, wanted, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(scores, toy.recording.baseline)
    again = full_pass(plain, toy.runner, toy.packed, setting_of([]), toy.setup.scoring)
    torch.testing.assert_close(again, toy.recording.baseline, atol=1e-4, rtol=1e-4)


def test_the_careful_pass_knows_no_gate(toy):
    plain, _ = toy.load_plain()
    gated = setting_of([(1, -30.0)], Method(gate=Gate("rho", 0.1)))
    with pytest.raises(ValueError, match="the paper's method"):
        full_pass(plain, toy.runner, toy.packed, gated, toy.setup.scoring)
