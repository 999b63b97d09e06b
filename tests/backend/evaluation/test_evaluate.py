"""Evaluations against slower, independent ways to the same numbers: a random model in float32."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.engine.engine import Engine
from backend.evaluation.change import affected_questions
from backend.evaluation.evaluate import led, pooled
from backend.interventions.method import NOTHING, Gate, Method, setting_of
from backend.model.split import SplitModel
from backend.setups import load_setup
from backend.statistics import wilson
from tests.support.methods import METHODS
from tests.support.toy import D_SAE, write_setup

CLAMPS = st.lists(
    st.tuples(st.integers(0, D_SAE - 1), st.sampled_from([0.0, -2.0, -30.0, 4.0])),
    max_size=5,
    unique_by=lambda c: c[0],
).map(setting_of)
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


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_by_every_method_too(engine, method):
    setting = half_open(engine, method)
    fast, slow = engine.evaluate(setting), engine.evaluate_reference(setting)
    torch.testing.assert_close(fast.scores, slow.scores, atol=1e-4, rtol=1e-4)
    assert torch.equal(fast.predictions(), slow.predictions())
    assert not torch.equal(fast.scores, engine.recording.baseline)
    if (opened := engine.opening(setting)) is not None:
        closed = opened.rows == 0
        assert torch.equal(fast.scores[closed], engine.recording.baseline[closed])
        assert closed.any()
        assert (opened.rows > 0).any()
    assert torch.equal(
        fast.affected,
        affected_questions(engine.recording, setting, engine.evaluator.rates(setting)),
    )


def half_open(engine, method):
    """Two features clamped by this method; where it has a gate, two it tells questions apart by,
    with tau in the middle of these.
    """
    counts = engine.recording.acts.counts()
    rare = sorted((f for f in range(D_SAE) if counts[f]), key=counts.__getitem__)
    for pair in combinations(rare, 2):
        setting = setting_of([(f, -12.0) for f in pair], method)
        if (opened := engine.opening(setting)) is None:
            return setting
        statistics = opened.of_row.unique()
        if len(statistics) > 1:
            gate = replace(opened.gate, tau=float(statistics[:-1].median()))
            return setting._replace(method=replace(method, gate=gate))
    raise AssertionError("no two features tell questions apart")


def test_a_gate_that_opens_wherever_anything_fires_is_no_gate_bit_for_bit(engine):
    clamps = setting_of([(f, -9.0) for f in range(4)]).clamps
    gated = setting_of(clamps, Method(gate=Gate("rho", 0.0)))
    assert torch.equal(engine.evaluate(gated).scores, engine.evaluate(setting_of(clamps)).scores)


def test_a_gate_that_stays_closed_runs_nothing(engine, monkeypatch):
    monkeypatch.setattr(SplitModel, "run_tail", lambda *args: pytest.fail("it ran"))
    clamps = setting_of([(f, -9.0) for f in range(4)]).clamps
    result = engine.evaluate(setting_of(clamps, Method(gate=Gate("rho", 1.0))))
    assert torch.equal(result.scores, engine.recording.baseline)
    assert not result.affected.any()


def test_no_clamp_is_the_baseline_bit_for_bit(engine):
    result = engine.evaluate(NOTHING)
    assert torch.equal(result.scores, engine.recording.baseline)
    assert not result.affected.any()
    assert result.complete


def test_untouched_questions_keep_their_scores_bit_for_bit(engine):
    counts = engine.recording.acts.counts()
    rarest = min((f for f in range(D_SAE) if counts[f]), key=counts.__getitem__)
    clamps = setting_of([(rarest, -50.0)])
    result = engine.evaluate(clamps)
    affected = affected_questions(engine.recording, clamps)
    assert torch.equal(result.affected, affected)
    assert torch.equal(result.scores[~affected], engine.recording.baseline[~affected])


def test_a_strong_clamp_changes_the_questions_it_touches(engine):
    clamps = setting_of([(int(engine.recording.acts.counts().argmax()), -50.0)])
    result = engine.evaluate(clamps)
    change = (result.scores - engine.recording.baseline)[result.affected]
    assert change.abs().max() > 1e-3


def test_affected_are_the_questions_with_a_token_at_which_a_clamped_feature_fires(toy):
    start = toy.recording.rows.start.tolist()
    for feature in range(D_SAE):
        tokens = toy.recording.acts.of(feature)[0].tolist()
        touched = [any(a <= t < b for t in tokens) for a, b in zip(start, start[1:], strict=False)]
        assert affected_questions(toy.recording, setting_of([(feature, 0.0)])).tolist() == touched


def test_some_feature_is_selective_in_the_toy(toy):
    """Without it, the tests on affected questions would test nothing."""
    counts = [
        int(affected_questions(toy.recording, setting_of([(f, 0.0)])).sum()) for f in range(D_SAE)
    ]
    assert 0 < min(c for c in counts if c) < toy.n_questions


def with_budget(engine, tokens):
    """The engine's evaluator with other batches."""
    return replace(engine.evaluator, runner=replace(engine.runner, budget=tokens))


def test_partial_results_grow_and_the_last_is_complete(toy):
    clamps, seen = setting_of([(f, -7.0) for f in range(8)]), []
    final = with_budget(toy, 32).evaluate(clamps, seen.append)
    done = [sum(s.n_done for s in e.sets) for e in seen]
    assert len(seen) > 2
    assert done == sorted(done)
    assert not seen[0].complete
    assert seen[-1].complete
    assert torch.equal(seen[-1].scores, final.scores)


def test_the_first_figure_takes_a_quarter_of_a_batch(toy):
    clamps, seen = setting_of([(f, -7.5) for f in range(8)]), []
    final = with_budget(toy, 10_000).evaluate(clamps, seen.append)  # all in one batch
    n_affected = int(final.affected.sum())
    assert [int(e.done.sum()) for e in seen] == [-(-n_affected // 4), n_affected]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [([], []), ([1], [1]), ([4], [1, 3]), ([10, 3], [3, 7, 3]), ([5, 5, 5], [2, 3, 5, 5])],
)
def test_batches_are_led_by_a_quarter_of_the_first_and_keep_their_order(sizes, parts):
    batches = list(torch.arange(sum(sizes)).split(sizes))
    made = led(batches)
    assert [len(part) for part in made] == parts
    assert torch.equal(
        torch.cat([*made, torch.tensor([])]), torch.cat([*batches, torch.tensor([])])
    )


def test_out_of_memory_halves_the_batch_and_is_remembered(toy, monkeypatch):
    import backend.evaluation.evaluate as module

    calls, real = [], module.read_log_probs

    def tight(model, plan, batch, *rest):
        calls.append(len(batch.rows))
        if len(batch.rows) > 2:
            raise torch.OutOfMemoryError("no room")
        return real(model, plan, batch, *rest)

    clamps = setting_of([(f, -5.5) for f in range(6)])
    expected = toy.evaluate(clamps).scores
    toy.results.forget(clamps)
    monkeypatch.setattr(module, "read_log_probs", tight)
    torch.testing.assert_close(toy.evaluate(clamps).scores, expected, atol=1e-5, rtol=1e-5)
    assert min(calls) <= 2 < max(calls)
    toy.results.forget(clamps)
    calls.clear()
    toy.evaluate(clamps)
    assert max(calls) <= 2, "it went on with small batches"


def test_bfloat16_runs_and_keeps_untouched_questions_bit_for_bit(tmp_path):
    path = write_setup(tmp_path)
    path.write_text(path.read_text().replace('dtype = "float32"', 'dtype = "bfloat16"'))
    engine = Engine(load_setup(path))
    assert engine.recording.resid.dtype == torch.bfloat16
    clamps = setting_of([(10, -4.0), (14, -9.0)])
    fast, slow = engine.evaluate(clamps), engine.evaluate_reference(clamps)
    assert torch.equal(fast.scores[~fast.affected], engine.recording.baseline[~fast.affected])
    torch.testing.assert_close(fast.scores, slow.scores, atol=1.0, rtol=0.05)


STRONG = setting_of([(0, -120.0), (1, -300.0)])


def test_a_sets_figures_are_counted_from_its_answers(toy):
    result = toy.evaluate(STRONG)
    begin = changed = 0
    for s, made in zip(toy.sets, result.sets, strict=True):
        n = len(s.questions)
        span = slice(begin, begin + n)
        begin = span.stop
        answers = torch.tensor([question.answer for question in s.questions])
        before = toy.recording.baseline[span].argmax(-1) == answers
        after = result.scores[span].argmax(-1) == answers
        lost, gained = int((before & ~after).sum()), int((after & ~before).sum())
        assert (made.name, made.title, made.role) == (s.name, s.title, s.role)
        assert (made.n, made.lost, made.gained) == (n, lost, gained)
        assert made.n_affected == made.n_done == int(result.affected[span].sum())
        assert made.baseline_accuracy == pytest.approx(float(before.float().mean()))
        assert made.baseline_interval == wilson(int(before.sum()), n)
        assert made.accuracy == pytest.approx(float(after.float().mean()))
        assert made.change_pp == pytest.approx(100 * (gained - lost) / n)
        assert made.ci_low_pp <= made.change_pp <= made.ci_high_pp
        changed += lost + gained
    assert changed, "no answer changed: nothing was counted"


def test_a_run_over_some_questions_leaves_the_others_as_they_were_and_is_not_kept(toy):
    only = toy.half("selection")
    some = toy.evaluate(STRONG, only=only)
    assert toy.results.read(STRONG) is None
    whole = toy.evaluate(STRONG)
    torch.testing.assert_close(some.scores[only], whole.scores[only], atol=1e-4, rtol=1e-4)
    assert torch.equal(some.scores[~only], toy.recording.baseline[~only])
    assert torch.equal(some.affected, whole.affected & only)
    assert sum(s.n for s in some.sets) == int(only.sum())


def test_pooling_one_set_is_that_set(toy):
    for s in toy.evaluate(setting_of([(1, -30.0)])).sets:  # the toy has one set of each role
        both = pooled([s], s.role)
        assert (both.n, both.lost, both.gained, both.accuracy) == (
            s.n,
            s.lost,
            s.gained,
            pytest.approx(s.accuracy),
        )
        assert (both.change_pp, both.ci_low_pp, both.ci_high_pp, both.p_value) == (
            s.change_pp,
            s.ci_low_pp,
            s.ci_high_pp,
            s.p_value,
        )


def test_pooling_two_sets_counts_every_question_once(toy):
    sets = [replace(s, role="retain") for s in toy.evaluate(STRONG).sets]
    both = pooled(sets, "retain")
    assert both.n == sum(s.n for s in sets) == toy.n_questions
    assert both.lost == sum(s.lost for s in sets)
    assert both.gained == sum(s.gained for s in sets)
    assert both.accuracy == pytest.approx(sum(s.accuracy * s.n for s in sets) / both.n)
