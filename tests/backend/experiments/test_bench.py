"""The benchmark's own arithmetic, on the toy; no time is ever asserted."""

import os
from dataclasses import replace

import torch

from backend.data.questions import QuestionSet, QuestionSets
from backend.evaluation.change import plan_of_change
from backend.evaluation.recordings import record
from backend.experiments import bench
from backend.interventions.method import setting_of
from backend.model.rows import Rows
from tests.support.clamped import clamped


def test_every_row_is_exact_and_runs_no_more_than_it_must(toy):
    rows = bench.measure(toy, 1, lambda _: None)
    assert [row["features"] for row in rows] == list(bench.COUNTS)
    for row in rows:
        assert row["flipped"] == 0
        assert row["run_tokens"] <= row["affected_tokens"]
        assert row["first_s"] <= row["engine_s"]
        assert row["affected_questions"] <= row["questions"] == toy.n_questions
    table = bench.markdown(toy, rows, 1.0)
    assert table.count("\n|") == len(rows) + 2
    assert str(rows[0]["run_tokens"]) in table


def test_every_nth_question_is_measured(toy, monkeypatch):
    monkeypatch.setattr(bench, "COUNTS", (1,))
    [row] = bench.measure(toy, 3, lambda _: None)
    assert row["questions"] == 3  # the first, the fourth and the seventh of seven
    assert row["affected_questions"] <= 3


def test_flops_are_two_for_each_weight_and_token_of_the_tail_but_its_last_block(toy):
    """Blocks 2 and 3 of four follow the hook.

    Of block 2: queries, keys, values, output, gate, up and down.
    """
    weights = 32 * 32 + 2 * 16 * 32 + 32 * 32 + 3 * 32 * 64
    assert bench.run_flops(toy, 10) == 2 * 10 * weights


def test_preparing_is_measured_and_leaves_the_recording_as_it_is(toy):
    before = toy.recording.baseline.clone()
    assert bench.preparing(toy, 2) > 0
    assert torch.equal(toy.recording.baseline, before)


def test_the_machine_is_named_with_its_cores_precision_and_torch(toy):
    said = bench.machine(toy)
    assert said.startswith(f"{os.cpu_count()} cores of ")
    assert said.endswith(f", float32, torch {torch.__version__}")


def test_the_typical_feature_touches_about_a_fifth(toy):
    every = torch.ones(toy.n_questions, dtype=torch.bool)
    chosen = bench.typical_feature(
        toy, list(range(toy.sae.d_sae)), every, share=3 / toy.n_questions
    )
    counts = [
        len(torch.unique(toy.recording.rows.row_of_token()[toy.recording.acts.of(f)[0]]))
        for f in range(toy.sae.d_sae)
    ]
    assert abs(counts[chosen] - 3) == min(abs(count - 3) for count in counts)


def test_twice_the_untouched_questions_run_not_one_token_more(toy):
    """What a move costs is the tokens it runs.

    The rest is a handful of operations over whole arrays.
    """
    every = torch.ones(toy.n_questions, dtype=torch.bool)
    feature = bench.typical_feature(toy, list(range(toy.sae.d_sae)), every, share=0.4)
    clamps = setting_of([(feature, -20.0)])
    alone = toy.evaluate(clamps)
    untouched = (~alone.affected).nonzero().squeeze(-1).tolist()
    assert untouched
    assert alone.affected.any()
    packed = [*toy.packed, *(toy.packed[q] for q in untouched)]
    questions = toy.sets.questions
    twice = (*questions, *(questions[q] for q in untouched))
    sets = QuestionSets((QuestionSet("all", "All", "forget", twice),))
    runner = replace(toy.runner, budget=64)
    recording = record(runner, Rows.of(packed), stage="", scoring=toy.setup.scoring)
    hits = [r.acts.of(feature)[0] for r in (toy.recording, recording)]
    plans = [
        plan_of_change(r.rows, hit) for r, hit in zip((toy.recording, recording), hits, strict=True)
    ]
    assert plans[0].query.values.tolist() == plans[1].query.values.tolist()
    result = clamped(runner, recording, sets, clamps, toy.setup.scoring)
    torch.testing.assert_close(result.scores[: toy.n_questions], alone.scores, atol=1e-4, rtol=1e-4)


def test_the_measurement_measures(tmp_path):
    row = bench.time_search(500)
    assert row["features"] == 500
    assert 0 < row["worst_s"] < 5
    assert row["slowest"]
