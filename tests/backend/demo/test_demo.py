"""The engine on the demo, against the full forward path; the findings the demo is there for."""

import pytest
import torch
from sae_lens import SAE

from backend.evaluation.answers import question_table
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
    assert len(forgotten.clamps) <= 50
    assert abs(change(ablated, "forget")) < 3
    assert change(forgotten, "forget") <= -20
    assert abs(change(forgotten, "retain")) < 8
    assert forgotten.sets[0].ci_high_pp < 0
    assert not forgotten.sets[0].inconclusive


def test_too_strong_a_clamp_spills_over(demo):
    strong, mild = (demo.evaluate(demo.preset(name)) for name in ("too-strong", "forget-biology"))
    assert change(strong, "retain") < change(mild, "retain")


def test_one_named_feature_unlearns_its_own_topic_and_nothing_elsewhere(demo):
    feature = 2187
    assert "inheritance" in demo.atlas.name(feature)
    value = round(-8 * float(demo.atlas.table.max_act[feature]), 1)
    result = demo.evaluate(demo.check(((feature, value),)))
    table = question_table(demo.sets, demo.recording, demo.model.tokenizer, result)
    lost = table[table["change"] == "lost"]
    assert (lost["topic"] == "genetics").sum() >= 3
    assert set(lost["set"]) == {"Biology quiz"}
