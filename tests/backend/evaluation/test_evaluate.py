"""Evaluations against slower, independent ways to the same numbers: a random model in float32."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.engine.engine import Engine
from backend.evaluation.change import affected_questions
from backend.evaluation.evaluate import led, pooled, sure_to
from backend.interventions.method import NOTHING, Gate, Method, setting_of
from backend.model.held import Ready
from backend.model.split import SplitModel
from backend.setups import load_setup
from backend.statistics import Counted, partial_change, wilson
from tests.support.bits import assert_same
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
    ungated = engine.evaluate(setting_of(clamps), anew=True)
    assert torch.equal(engine.evaluate(gated, anew=True).scores, ungated.scores)
    assert ungated.affected.any()


def test_a_gate_that_stays_closed_runs_nothing(engine, monkeypatch):
    monkeypatch.setattr(SplitModel, "read_tail", lambda *args: pytest.fail("it ran"))
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
    return replace(engine.evaluator, held=Ready(replace(engine.runner, budget=tokens)))


def test_partial_results_grow_and_the_last_is_complete(toy):
    clamps, seen = setting_of([(f, -7.0) for f in range(8)]), []
    final = with_budget(toy, 32).evaluate(clamps, seen.append)
    done = [sum(s.n_done for s in e.sets) for e in seen]
    assert len(seen) > 2
    assert done == sorted(done)
    assert not seen[0].complete
    assert seen[-1].complete
    assert torch.equal(seen[-1].scores, final.scores)


def test_while_it_runs_a_sets_figures_are_those_of_a_sample_beside_what_was_known(toy):
    """Seven questions are affected, and four of them known; the others run one by one."""
    setting, waiting, seen = setting_of([(f, -7.0) for f in range(8)]), 0, []
    known = torch.tensor([True, False, False, True, True, True, False])
    with_budget(toy, 32).evaluate(setting, only=known)
    final = with_budget(toy, 1).evaluate(setting, seen.append)
    assert torch.equal(final.affected, torch.ones(toy.n_questions, dtype=torch.bool))
    assert len(seen) == 3
    for partial in seen:
        assert torch.equal(partial.known, known)
        right = partial.baseline.argmax(-1) == toy.sets.answers
        now = partial.predictions() == toy.sets.answers
        for made in partial.sets:
            mine = torch.zeros(toy.n_questions, dtype=torch.bool)
            mine[toy.sets.span(made.name)] = True

            def counted(of, mine=mine, right=right, now=now):
                of = of & mine
                return Counted(
                    int(of.sum()), int((of & right & ~now).sum()), int((of & now & ~right).sum())
                )

            before, ran = counted(known), counted(partial.done & ~known)
            rest = made.n_affected - before.n
            change, sure = partial_change(before, ran, rest, made.n)
            whole = made.n_done == made.n_affected
            assert made.known == (Counted(0, 0, 0) if whole else before)
            assert made.n_done == before.n + ran.n
            assert (made.change_pp, made.ci_low_pp, made.ci_high_pp, made.p_value) == change
            assert made.sure_pp == sure
            assert made.accuracy == pytest.approx(
                int((right & mine).sum()) / made.n + change.change_pp / 100
            )
            assert made.waiting == (ran.n == 0 < rest) == (sure == float("inf"))
            waiting += made.waiting
    assert waiting, "each set had a sample from the first batch on"
    assert [s.sure_pp for s in final.sets] == [0.0, 0.0]


def test_the_first_figure_takes_an_eighth_of_a_batch_but_of_a_small_one_all(toy):
    clamps = setting_of([(f, -7.5) for f in range(8)])
    n_affected = int(affected_questions(toy.recording, clamps).sum())
    n_tokens = toy.recording.rows.n_tokens

    def parts(budget):
        seen = []
        with_budget(toy, budget).evaluate(clamps, seen.append, anew=True)
        return [int(e.done.sum()) for e in seen]

    assert parts(n_tokens) == [-(-n_affected // 8), n_affected]
    assert parts(2 * n_tokens) == [n_affected]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], []),
        ([1], [1]),
        ([4], [1, 3]),
        ([17, 3], [3, 14, 3]),
        ([16, 5, 5], [2, 14, 5, 5]),
    ],
    ids=str,
)
def test_batches_are_led_by_an_eighth_of_the_first_and_keep_their_order(sizes, parts):
    batches = list(torch.arange(sum(sizes)).split(sizes))
    made = led(batches)
    assert [len(part) for part in made] == parts
    assert torch.equal(
        torch.cat([*made, torch.tensor([])]), torch.cat([*batches, torch.tensor([])])
    )


def test_out_of_memory_halves_the_batch_and_is_remembered(toy, monkeypatch):
    import backend.evaluation.tail as module

    calls, real = [], module.read_log_probs

    def tight(model, plan, batch, *rest):
        calls.append(len(batch.rows))
        if len(batch.rows) > 2:
            raise torch.OutOfMemoryError("no room")
        return real(model, plan, batch, *rest)

    clamps = setting_of([(f, -5.5) for f in range(6)])
    expected = toy.evaluate(clamps, anew=True).scores
    monkeypatch.setattr(module, "read_log_probs", tight)
    assert_same(toy.runner, toy.evaluate(clamps, anew=True).scores, expected)
    assert min(calls) <= 2 < max(calls)
    calls.clear()
    toy.evaluate(clamps, anew=True)
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
        assert made.sure_pp == 0
        assert not made.waiting
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
    whole = toy.evaluate(STRONG, anew=True)
    assert_same(toy.runner, some.scores[only], whole.scores[only])
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


def test_pooling_sums_what_was_known_and_what_has_run(toy):
    sets = [replace(s, role="retain", known=Counted(1, 1, 0)) for s in toy.evaluate(STRONG).sets]
    partial = replace(sets[0], n_done=sets[0].n_done - 1)
    both = pooled([partial, sets[1]], "retain")
    assert both.known == (2, 2, 0)
    assert both.n_done == both.n_affected - 1
    ran = Counted(both.n_done - 2, both.lost - 2, both.gained)
    change, sure = partial_change(both.known, ran, both.n_affected - 2, both.n)
    assert (both.change_pp, both.sure_pp) == (change.change_pp, sure)
    assert pooled([], "forget").known == (0, 0, 0)


def test_how_sure_a_run_is_of_the_less_sure_of_forget_and_retain(toy):
    forget, retain = toy.evaluate(STRONG).sets
    assert sure_to([forget, retain]) == sure_to([forget]) == 0
    assert sure_to([replace(forget, sure_pp=3.0), retain]) == 0, "it is counted, not read"
    one_done = pooled([replace(forget, n_done=1, lost=0, gained=0)], "forget")
    assert 0 < one_done.sure_pp < float("inf")
    assert sure_to([one_done, retain]) == one_done.sure_pp
    assert sure_to([one_done, replace(retain, n_done=0, lost=0, gained=0)]) == float("inf")
