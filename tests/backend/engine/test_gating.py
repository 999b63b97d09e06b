"""What a gate opens, kept for a tau that moves, and tau found on what should stay closed."""

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from backend.data.questions import PREFIX
from backend.engine import gating
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation import recordings
from backend.evaluation.reference import statistic, unpacked
from backend.interventions import gates
from backend.interventions.method import Gate, Method, setting_of
from backend.model.rows import Rows
from backend.setups import load_setup
from tests.support.toy import write_setup


def gated(kind="rho", tau=0.3, width=4):
    return setting_of([(f, -9.0) for f in range(3)], Method(gate=Gate(kind, tau, width)))


def fires_of(engine, ids):
    acts = recordings.record(
        engine.runner,
        Rows.of_text([ids]),
        stage="",
        scoring=None,
    ).acts
    return [[bool((acts.of(f)[0] == t).any()) for f in range(3)] for t in range(len(ids))]


@pytest.mark.parametrize("kind", ["rho", "window", "cusum"])
def test_every_sequence_has_the_statistic_of_the_formula(toy, kind):
    setting = gated(kind)
    rates = toy.evaluator.rates(setting)
    pairs = (
        []
        if rates is None
        else list(zip(rates.forget.tolist(), rates.retain.tolist(), strict=True))
    )
    expected = [
        statistic(fires_of(toy, ids), setting.method.gate, pairs)
        for packed in toy.packed
        for ids, _, _ in unpacked(packed)
    ]
    assert toy.opening(setting).statistic.tolist() == pytest.approx(expected, abs=2e-6)


def test_a_tau_that_moves_computes_nothing_anew(toy, monkeypatch):
    first = toy.opening(gated(tau=0.1))
    monkeypatch.setattr(gates, "statistics_of", lambda *args: pytest.fail("computed again"))
    second = toy.opening(gated(tau=0.4))
    assert second.gate.tau == 0.4
    assert torch.equal(second.open, first.statistic > 0.4)


def test_sessions_that_ask_side_by_side_push_nothing_out_of_each_others_hands(toy, monkeypatch):
    monkeypatch.setattr(gating, "REMEMBERED", 1)
    wanted = {width: toy.opening(gated("window", width=width)).statistic for width in range(1, 9)}

    def ask(width):
        found = toy.opening(gated("window", width=width)).statistic
        return torch.equal(found, wanted[width])

    with ThreadPoolExecutor(8) as sessions:
        assert all(sessions.map(ask, list(wanted) * 40))


def test_rates_are_of_the_selection_half_alone(toy):
    rates = toy.evaluator.rates(gated("cusum", 1.0))
    row, acts = toy.recording.rows.row_of_token(), toy.recording.acts
    for role, found in (("forget", rates.forget), ("retain", rates.retain)):
        mine = (toy.sets.role(role) & toy.half("selection"))[row]
        for f in range(3):
            share = float(mine[acts.of(f)[0]].sum()) / float(mine.sum())
            assert float(found[f]) == pytest.approx(min(max(share, 1e-4), 1 - 1e-4))


def test_a_quantile_is_of_the_sequences_of_retain_questions_of_the_selection_half(toy):
    setting, found = toy.calibrate(gated(), 0.3, "quantile", "questions")
    mine = toy.sets.role("retain") & toy.half("selection")
    values = []
    for place in mine.nonzero().squeeze(-1).tolist():
        packed = toy.packed[place]
        for option in range(4):
            # Prefix and option, also where the option has no token of its own.
            keep = [b in (PREFIX, option) for b in packed.branch]
            fires = fires_of(toy, [t for t, kept in zip(packed.ids, keep, strict=True) if kept])
            values.append(statistic(fires, gated().method.gate, []))
    values.sort()
    assert found.n == len(values) == 4 * int(mine.sum())
    assert found.tau == pytest.approx(values[math.ceil(round(0.7 * (len(values) - 1), 9))])
    assert setting.method.gate.tau == found.tau


def test_in_letters_a_question_is_one_sequence(tmp_path, own_cache):
    engine = Engine(load_setup(write_setup(tmp_path, scoring="letter")))
    mine = engine.sets.role("retain") & engine.half("selection")
    _, found = engine.calibrate(gated(), 0.3, "quantile", "questions")
    assert found.n == int(mine.sum())


def test_a_conformal_tau_takes_each_questions_largest(toy):
    _, found = toy.calibrate(gated(), 0.5, "conformal", "questions")
    mine = toy.sets.role("retain") & toy.half("selection")
    assert found.n == int(mine.sum())
    with pytest.raises(BadInput, match="too few for a conformal tau at 0.01: it takes 99"):
        toy.calibrate(gated(), 0.01, "conformal", "questions")


def test_held_out_questions_never_move_tau(toy, monkeypatch):
    _, before = toy.calibrate(gated(), 0.3, "quantile", "questions")
    opened = toy.opening(gated())
    held_out = toy.half("held-out")[opened.sequences.row]
    opened.statistic[held_out] = 0.9  # the very tensor that is kept
    _, after = toy.calibrate(gated(), 0.3, "quantile", "questions")
    assert after == before


def test_on_text_tau_is_of_the_retain_corpus_rows(toy):
    _, found = toy.calibrate(gated(), 0.2, "quantile", "corpus")
    scanned = next(s for s in toy.atlas.corpora if s.corpus.role == "retain")
    values = sorted(
        statistic(fires_of(toy, ids), gated().method.gate, []) for ids in scanned.corpus.ids
    )
    assert found.n == len(values)
    assert found.tau == pytest.approx(values[math.ceil(round(0.8 * (len(values) - 1), 9))])


def test_without_a_gate_there_is_no_tau_to_find(toy):
    with pytest.raises(BadInput, match="Choose a gate"):
        toy.calibrate(setting_of([(1, -2.0)]), 0.1, "quantile", "questions")
    with pytest.raises(BadInput, match="Choose a gate"):
        toy.calibrate(setting_of([]), 0.1, "quantile", "questions")


def test_a_gated_preset_finds_its_tau_here(toy):
    gate = toy.preset("forget-biology-gated").method.gate
    plain = toy.preset("forget-biology")
    assert toy.preset("forget-biology-gated").features == plain.features
    made = setting_of(plain.clamps, Method(gate=Gate("rho", 0.0)))
    _, found = toy.calibrate(made, 0.05, "quantile", "questions")
    assert gate == Gate("rho", found.tau)


def test_a_preset_of_another_sae_is_none_here(toy):
    with pytest.raises(BadInput, match="no preset 'dsg'. Use one of: forget-biology, forget-bio"):
        toy.preset("dsg")
