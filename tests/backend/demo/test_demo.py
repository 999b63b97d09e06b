"""The engine on the demo, against the full forward path; the findings the demo is there for."""

from dataclasses import replace

import pytest
import torch
from sae_lens import SAE

from backend.evaluation.answers import question_table
from backend.experiments.dilution import dilute
from backend.interventions.method import Gate, setting_of
from backend.store import ROOT

pytestmark = pytest.mark.demo


def test_shipped_sae_is_small_and_loads_with_sae_lens():
    folder = ROOT / "backend" / "demo" / "sae"
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 20_000_000
    sae = SAE.load_from_disk(str(folder))
    assert sae.cfg.d_in == 576
    assert sae.cfg.metadata.hook_name.endswith("hook_resid_post")


def test_an_eighth_of_the_questions_score_as_in_a_full_forward_pass(demo, exact):
    assert exact.n_questions >= demo.n_questions / 8
    clamps = demo.preset("forget-biology")
    fast, slow = exact.evaluate(clamps), exact.evaluate_reference(clamps)
    torch.testing.assert_close(fast.scores, slow.scores, atol=1e-4, rtol=0)
    assert torch.equal(fast.predictions(), slow.predictions())
    torch.testing.assert_close(fast.baseline, slow.baseline, atol=1e-4, rtol=0)


def change(evaluation, role):
    sets = [s for s in evaluation.sets if s.role == role]
    return 100 * sum(s.gained - s.lost for s in sets) / sum(s.n for s in sets)


def test_ablating_does_nothing_and_clamping_negative_forgets_biology(demo):
    ablated = demo.evaluate(demo.preset("ablate-biology"))
    forgotten = demo.evaluate(demo.preset("forget-biology"))
    assert len(forgotten.clamps) == 30
    assert abs(change(ablated, "forget")) < 3
    assert change(forgotten, "forget") <= -18
    assert abs(change(forgotten, "retain")) < 2
    assert forgotten.sets[0].ci_high_pp < 0
    assert not forgotten.sets[0].inconclusive


def test_behind_a_gate_the_same_clamps_cost_less(demo):
    """On the held-out half: at least 28 points of biology, at most 1.5 of the others."""
    gated, half = demo.preset("forget-biology-gated"), demo.half("held-out")
    result = demo.evaluate(gated)
    held_out = demo.restrict(result, half)
    assert change(held_out, "forget") <= -28
    assert change(held_out, "retain") >= -1.5
    static = demo.restrict(demo.evaluate(setting_of(gated.clamps), listed=False), half)
    assert change(held_out, "retain") > change(static, "retain") + 2
    opened = demo.opening(gated).rows > 0
    assert not result.affected[~opened].any()
    assert opened[demo.sets.role("forget")].float().mean() > 0.7
    assert opened[demo.sets.role("retain")].float().mean() < 0.1


def test_what_the_machine_found_forgets_what_rmu_does_for_as_little(demo):
    """On the held-out half; RMU there: −37.8 and −2.2."""
    found = demo.preset("forget-biology-tuned")
    assert len(found.clamps) == 100
    held_out = demo.restrict(demo.evaluate(found), demo.half("held-out"))
    assert change(held_out, "forget") <= -38
    assert change(held_out, "retain") >= -3
    opened = demo.opening(found).rows > 0
    assert int(opened[demo.sets.role("forget")].sum()) >= 250
    assert int(opened[demo.sets.role("retain")].sum()) <= 18


def test_other_text_thins_out_a_share_and_not_what_it_stands_around(demo):
    gated = demo.preset("forget-biology-gated")
    assert dilute(demo, gated).closed > 15
    method = replace(gated.method, gate=Gate("window", 0.0))
    window, _ = demo.calibrate(setting_of(gated.clamps, method), 0.05, "quantile", "questions")
    assert dilute(demo, window).closed < 5


def test_too_strong_a_clamp_spills_over(demo):
    strong, mild = (demo.evaluate(demo.preset(name)) for name in ("too-strong", "forget-biology"))
    assert change(strong, "retain") < change(mild, "retain")


def test_one_named_feature_unlearns_its_own_topic_and_nothing_elsewhere(demo):
    feature = 2187
    assert "inheritance" in demo.atlas.name(feature)
    value = round(-8 * float(demo.atlas.table.max_act[feature]), 1)
    result = demo.evaluate(setting_of([(feature, value)]))
    table = question_table(demo.sets, demo.recording, demo.model.tokenizer, result)
    lost = table[table["change"] == "lost"]
    assert (lost["topic"] == "genetics").sum() >= 3
    assert set(lost["set"]) == {"Biology quiz"}
