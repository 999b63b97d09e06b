"""The engine against slower, independent ways to the same numbers: a random model in float32."""

import threading
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.engine.engine import Engine
from backend.errors import BadClamps, BadInput
from backend.evaluation.evaluate import affected_questions
from backend.interventions.edit import clamp_set
from backend.progress import silent
from backend.setups import load_setup
from tests.support.toy import D_SAE, write_setup

CLAMPS = st.lists(
    st.tuples(st.integers(0, D_SAE - 1), st.sampled_from([0.0, -2.0, -30.0, 4.0])),
    max_size=5,
    unique_by=lambda c: c[0],
).map(clamp_set)
VARIANTS = {
    "cloze, first": {},
    "cloze, first and sinks, topk": {
        "untouched": ("first", "sinks"),
        "sae": {"architecture": "topk", "rescale_acts_by_decoder_norm": True},
    },
    "letter as in lm-eval": {"scoring": "letter", "prompt": "lm-eval"},
    "letter, nothing exempt, standard": {
        "scoring": "letter",
        "untouched": (),
        "sae": {"architecture": "standard"},
    },
    "cloze per character, special": {"scoring": "cloze_per_char", "untouched": ("special",)},
}


@pytest.fixture(scope="module", params=VARIANTS)
def engine(request, tmp_path_factory, own_cache):
    return Engine(
        load_setup(write_setup(tmp_path_factory.mktemp("variant"), **VARIANTS[request.param]))
    )


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(clamps=CLAMPS)
def test_same_scores_as_a_full_forward_pass_with_a_hook(engine, clamps):
    fast, slow = engine.evaluate(clamps), engine.evaluate_reference(clamps)
    torch.testing.assert_close(fast.scores, slow.scores, atol=1e-4, rtol=1e-4)
    assert torch.equal(fast.predictions(), slow.predictions())


def test_no_clamp_is_the_baseline_bit_for_bit(engine):
    result = engine.evaluate(())
    assert torch.equal(result.scores, engine.recording.baseline)
    assert not result.affected.any() and result.complete


def test_untouched_questions_keep_their_scores_bit_for_bit_and_a_strong_clamp_changes_touched_ones(
    engine,
):
    clamps = clamp_set([(2, -50.0)])
    result = engine.evaluate(clamps)
    affected = affected_questions(engine.recording, clamps)
    assert torch.equal(result.scores[~affected], engine.recording.baseline[~affected])
    if affected.any():
        assert (result.scores[affected] - engine.recording.baseline[affected]).abs().max() > 1e-3


def test_some_feature_is_selective_in_the_toy(toy):
    """Without it, the tests on affected questions would test nothing."""
    counts = [
        int(affected_questions(toy.recording, clamp_set([(f, 0.0)])).sum()) for f in range(D_SAE)
    ]
    assert 0 < min(c for c in counts if c) < toy.n_questions


def test_partial_results_grow_and_the_last_is_complete(toy):
    clamps, seen = clamp_set([(f, -7.0) for f in range(8)]), []
    final = with_budget(toy, 32).evaluate(clamps, seen.append)
    done = [sum(s.n_done for s in e.sets) for e in seen]
    assert len(seen) > 2 and done == sorted(done) and seen[-1].complete
    assert torch.equal(seen[-1].scores, final.scores)
    assert not seen[0].complete


def test_the_first_figure_takes_a_quarter_of_a_batch(toy):
    clamps, seen = clamp_set([(f, -7.5) for f in range(8)]), []
    final = with_budget(toy, 10_000).evaluate(clamps, seen.append)  # all in one batch
    assert [int(e.done.sum()) for e in seen] == [
        -(-int(final.affected.sum()) // 4),
        int(final.affected.sum()),
    ]


def with_budget(engine, tokens):
    """The engine's evaluator with other batches."""
    return replace(engine.evaluator, runner=replace(engine.runner, budget=tokens))


class Stop(BaseException):
    pass


def test_lock_is_free_after_success_error_and_cancel(toy):
    def cancel(_):
        raise Stop

    toy.evaluate(clamp_set([(1, -3.5)]))
    assert not toy.busy
    with pytest.raises(Stop):
        toy.evaluate(clamp_set([(1, -4.5), (2, -1.0), (3, -1.0)]), cancel)
    assert not toy.busy
    with pytest.raises(BadClamps):
        toy.evaluate(clamp_set([(D_SAE, 0.0)]))
    assert not toy.busy
    assert toy.finished(clamp_set([(1, -4.5), (2, -1.0), (3, -1.0)])) is None, (
        "a cancelled run leaves no result"
    )


def test_waiting_for_another_run_can_be_cancelled(toy):
    def cancel(_):
        raise Stop

    with toy.turn(silent), pytest.raises(Stop):
        toy.evaluate(clamp_set([(1, -9.5)]), on_wait=cancel)


def test_two_threads_with_different_clamps_get_right_answers(toy):
    wanted = [clamp_set([(f, -11.0), (f + 1, -3.0)]) for f in range(0, 12, 2)]
    got: dict = {}

    def work(mine):
        for clamps in mine:
            got[clamps] = toy.evaluate(clamps).scores

    threads = [threading.Thread(target=work, args=(wanted[i::2],)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for clamps in wanted:
        toy.results.forget(clamps)
        assert torch.equal(got[clamps], toy.evaluate(clamps).scores)


def test_a_result_comes_back_from_disk_the_same(toy, toy_toml):
    clamps = clamp_set([(4, -6.0), (7, 0.0)])
    first = toy.evaluate(clamps)
    again = Engine(load_setup(toy_toml)).evaluate(
        clamps, on_partial=lambda _: pytest.fail("it was computed again")
    )
    assert torch.equal(first.scores, again.scores) and first.sets == again.sets


def test_a_damaged_recording_is_made_again(toy, toy_toml, caplog):
    path = toy.folder / "recording.safetensors"
    begin = path.read_bytes()[:100]
    path.unlink()  # the toy has it mapped
    path.write_bytes(begin)
    again = Engine(load_setup(toy_toml))
    assert "damaged" in caplog.text
    torch.testing.assert_close(again.recording.baseline, toy.recording.baseline)


def test_a_damaged_result_is_a_miss(toy):
    clamps = clamp_set([(6, -2.0)])
    first = toy.evaluate(clamps)
    toy.results._path(clamps).write_text("{")
    assert toy.finished(clamps) is None
    assert torch.equal(toy.evaluate(clamps).scores, first.scores)


def test_halves_split_every_set_and_add_up(toy):
    result = toy.evaluate(clamp_set([(2, -20.0), (3, -20.0)]))
    parts = [toy.restrict(result, toy.half(which)) for which in ("selection", "held-out")]
    for whole, a, b in zip(result.sets, *(p.sets for p in parts), strict=True):
        assert (whole.n, whole.lost, whole.gained) == (
            a.n + b.n,
            a.lost + b.lost,
            a.gained + b.gained,
        )


def test_halves_drawn_with_a_seed_are_what_features_are_counted_on(toy, tmp_path):
    path = write_setup(tmp_path)
    path.write_text(f"half_seed = 5\n{path.read_text()}")
    engine = Engine(load_setup(path))
    half = engine.half("selection")
    assert half.tolist() == engine.sets.selection(5).tolist() != toy.half("selection").tolist()
    assert torch.equal(engine.half("held-out"), ~half)
    retain = engine.in_sets([s.name for s in engine.sets if s.role == "retain"])
    for feature in range(D_SAE):
        on = affected_questions(engine.recording, clamp_set([(feature, 0.0)]))
        assert engine.atlas.table["fires_retain_selection"][feature] == int(
            (on & half & retain).sum()
        )


def test_an_unknown_set_is_named(toy):
    with pytest.raises(BadInput, match="chemistry"):
        toy.in_sets(["chemistry"])


def test_out_of_memory_halves_the_batch_and_is_remembered(toy, monkeypatch):
    import backend.evaluation.evaluate as module

    calls, real = [], module.read_log_probs

    def tight(model, plan, batch, *rest):
        calls.append(len(batch.rows))
        if len(batch.rows) > 2:
            raise torch.OutOfMemoryError("no room")
        return real(model, plan, batch, *rest)

    clamps = clamp_set([(f, -5.5) for f in range(6)])
    expected = toy.evaluate(clamps).scores
    toy.results.forget(clamps)
    monkeypatch.setattr(module, "read_log_probs", tight)
    torch.testing.assert_close(toy.evaluate(clamps).scores, expected, atol=1e-5, rtol=1e-5)
    assert max(calls) > 2 and min(calls) <= 2
    toy.results.forget(clamps)
    calls.clear()
    toy.evaluate(clamps)
    assert max(calls) <= 2, "it went on with small batches"
    toy.results.forget(clamps)
    toy.runner.halving.times = 0


def test_bfloat16_runs_and_keeps_untouched_questions_bit_for_bit(tmp_path):
    path = write_setup(tmp_path)
    path.write_text(path.read_text().replace('dtype = "float32"', 'dtype = "bfloat16"'))
    engine = Engine(load_setup(path))
    assert engine.recording.resid.dtype == torch.bfloat16
    clamps = clamp_set([(10, -4.0), (14, -9.0)])
    fast, slow = engine.evaluate(clamps), engine.evaluate_reference(clamps)
    assert torch.equal(fast.scores[~fast.affected], engine.recording.baseline[~fast.affected])
    torch.testing.assert_close(fast.scores, slow.scores, atol=1.0, rtol=0.05)
