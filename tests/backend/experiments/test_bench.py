"""The benchmark's own arithmetic, on the toy; no time is ever asserted."""

from dataclasses import replace

import torch

from backend.data.questions import QuestionSet, QuestionSets
from backend.evaluation.evaluate import evaluate, plan_of_change
from backend.evaluation.recordings import record
from backend.experiments import bench
from backend.interventions.edit import clamp_set
from backend.model.rows import Rows


def test_every_row_is_exact_and_runs_no_more_than_it_must(toy):
    rows = bench.measure(toy, 1, lambda _: None)
    assert [row["features"] for row in rows] == list(bench.COUNTS)
    for row in rows:
        assert (
            row["flipped"] == 0
            and row["run_tokens"] <= row["affected_tokens"]
            and row["first_s"] <= row["engine_s"]
        )
        assert row["affected_questions"] <= row["questions"] == toy.n_questions
    table = bench.markdown(toy, rows, 1.0)
    assert table.count("\n|") == len(rows) + 2 and str(rows[0]["run_tokens"]) in table


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
    """What a move costs is the tokens it runs; the rest is a handful of operations over whole
    arrays.
    """
    every = torch.ones(toy.n_questions, dtype=torch.bool)
    feature = bench.typical_feature(toy, list(range(toy.sae.d_sae)), every, share=0.4)
    clamps = clamp_set([(feature, -20.0)])
    alone = toy.evaluate(clamps)
    untouched = (~alone.affected).nonzero().squeeze(-1).tolist()
    assert untouched and alone.affected.any()
    packed = [*toy.packed, *(toy.packed[q] for q in untouched)]
    questions = toy.sets.questions
    twice = (*questions, *(questions[q] for q in untouched))
    sets = QuestionSets((QuestionSet("all", "All", "forget", twice),))
    runner = replace(toy.runner, budget=64)
    recording = record(runner, Rows.of(packed), stage="", scoring=toy.setup.scoring)
    hits = [r.acts.of(feature)[0] for r in (toy.recording, recording)]
    plans = [
        plan_of_change(r.rows, hit, False)
        for r, hit in zip((toy.recording, recording), hits, strict=True)
    ]
    assert plans[0].query.values.tolist() == plans[1].query.values.tolist()
    *_, result = evaluate(runner, recording, sets, clamps, scoring=toy.setup.scoring)
    torch.testing.assert_close(result.scores[: toy.n_questions], alone.scores, atol=1e-4, rtol=1e-4)
