"""Batches in halves where memory runs out, of which multiples they are, and that all runs of a
process remember it.
"""

from dataclasses import replace

import pytest
import torch

from backend.errors import Unavailable
from backend.model import invariance
from backend.model.attention import STEP
from backend.model.rows import Plan
from backend.model.runner import Halving
from tests.support.toy import build_model


def tight(most, ran):
    """Work that has no room for more than `most` rows."""

    def work(rows):
        if len(rows) > most:
            raise torch.OutOfMemoryError("no room")
        ran.append(rows.tolist())
        return len(rows)

    return work


def test_a_batch_without_room_runs_in_halves_and_the_next_one_at_once():
    halving, ran = Halving(), []
    assert sum(halving.run(torch.arange(8), tight(2, ran))) == 8
    assert [row for rows in ran for row in rows] == list(range(8))
    assert max(map(len, ran)) == 2
    calls = []
    list(halving.run(torch.arange(8), lambda rows: calls.append(len(rows))))
    assert sum(calls) == 8
    assert max(calls) <= 2


def test_a_cpu_without_memory_says_so_in_words_of_its_own():
    def work(rows):
        if len(rows) > 1:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate")
        return 1

    assert sum(Halving().run(torch.arange(3), work)) == 3


def test_one_row_without_room_is_said_and_other_faults_go_on():
    with pytest.raises(Unavailable, match="Not enough memory for a single question"):
        list(Halving().run(torch.arange(4), tight(0, [])))

    def broken(rows):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        list(Halving().run(torch.arange(4), broken))


def test_what_one_run_learned_of_the_memory_the_next_one_knows(toy):
    plan, every = Plan.whole(toy.recording.rows), torch.arange(toy.n_questions)
    first = replace(toy.runner, budget=10_000)
    assert sum(first.batches(plan, every, tight(2, []))) == toy.n_questions
    along = first.along(toy.sae.W_dec.roll(-1, 0))
    most = []
    list(along.batches(plan, every, lambda rows: most.append(len(rows))))
    assert max(most) <= 2


def test_another_direction_leaves_the_runner_as_it_was(toy):
    turned = toy.runner.along(toy.sae.W_dec.roll(-1, 0))
    assert torch.equal(turned.sae.W_dec[0], toy.sae.W_dec[1])
    assert turned.model is toy.model
    assert turned.halving is toy.runner.halving


def on_another_device(runner):
    """The runner of a device that is no CPU, with a model that has no numbers."""
    hf = build_model(300).to("meta")
    return replace(runner, model=replace(runner.model, hf=hf), budget=4096, halving=Halving())


def test_a_cpus_batches_are_of_any_length_a_tile_can_have(toy):
    plan = Plan.whole(toy.recording.rows)
    assert toy.runner.step == STEP
    batch = toy.runner.batch(plan, torch.tensor([0]))
    assert batch.token.shape[1] - batch.n < STEP


def test_a_gpus_batches_are_all_as_long_as_its_budget_and_halved_with_it(toy):
    runner = on_another_device(toy.runner)
    steps = []
    for times in range(10):
        runner.halving.times = times
        steps.append(runner.step)
    assert steps == [4096, 2048, 1024, 512, 256, 128, 64, 32, STEP, STEP]


def test_bits_are_tried_once_for_all_runs_and_again_for_other_batches(toy, monkeypatch):
    tried = []
    real = invariance.rows_do_not_matter
    monkeypatch.setattr(
        invariance,
        "rows_do_not_matter",
        lambda model, step: tried.append(step) or real(model, step),
    )
    runner = replace(toy.runner, _tried={})
    assert runner.invariant
    assert runner.along(toy.sae.W_dec.roll(-1, 0)).invariant
    assert replace(runner, budget=7).invariant
    assert tried == [STEP]
    monkeypatch.setattr("backend.model.runner.STEP", 2 * STEP)
    assert runner.invariant
    assert tried == [STEP, 2 * STEP]
