"""Controls are matched as they say, and along other directions exact."""

import copy
from dataclasses import replace

import pytest
import torch

from backend.errors import BadInput
from backend.evaluation.evaluate import SetResult
from backend.evaluation.reference import Reference
from backend.experiments.controls import (
    DIRECTIONS,
    N_RANDOM,
    Kind,
    controls,
    controls_of,
    finished_controls,
    forget_counts,
    matched,
    next_directions,
    random_directions,
    run_controls,
)
from backend.experiments.effects import Effect, compared, control_effect, own_effect
from backend.interventions.clamps import clamp_set
from backend.interventions.method import Gate, Method, setting_of
from backend.statistics import Interval

CLAMPS = setting_of([(2, -40.0), (5, -25.0), (7, 0.0)])


@pytest.mark.parametrize("name", DIRECTIONS)
def test_a_push_along_other_directions_is_exact(toy, name):
    """The reference decodes with an SAE whose decoder is replaced; its encoder is not touched."""
    directions = DIRECTIONS[name](toy.sae.W_dec)
    fast = toy.along(name, directions).evaluate(CLAMPS, listed=False)
    sae = copy.deepcopy(toy.sae.sae)
    sae.W_dec.data.copy_(directions)
    reference = Reference(
        *toy.load_plain(), replace(toy.sae, sae=sae, W_dec=directions), toy.setup.untouched
    )
    slow = reference.scores(toy.packed, CLAMPS, toy.setup.scoring)
    torch.testing.assert_close(fast.scores, slow, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(fast.scores, toy.evaluate(CLAMPS).scores, atol=1e-2), (
        "it did the same as the decoder's own directions"
    )


def test_directions_keep_their_lengths_and_next_is_the_next_feature(toy):
    W_dec = toy.sae.W_dec
    torch.testing.assert_close(random_directions(W_dec).norm(dim=-1), W_dec.norm(dim=-1))
    assert torch.equal(next_directions(W_dec)[3], W_dec[4])
    assert torch.equal(next_directions(W_dec)[-1], W_dec[0])


def test_random_features_are_others_that_fire_as_often_and_push_as_far():
    counts = torch.arange(1000)
    W_dec = torch.randn(1000, 8, generator=torch.Generator().manual_seed(0))
    clamps = clamp_set([(f, -10.0) for f in range(300, 320)])
    drawn = [matched(clamps, counts, W_dec, seed) for seed in range(N_RANDOM)]
    for other in drawn:
        features = [clamp.feature for clamp in other]
        assert len(set(features)) == 20
        assert not set(features) & set(range(300, 320))
        assert all(260 <= f <= 360 for f in features)
        lengths = sorted(abs(clamp.value) * float(W_dec[clamp.feature].norm()) for clamp in other)
        assert lengths == pytest.approx(
            sorted(10.0 * float(W_dec[f].norm()) for f in range(300, 320))
        )
    assert len(set(drawn)) == N_RANDOM
    stronger = matched(clamp_set([(f, -20.0) for f in range(300, 320)]), counts, W_dec, 0)
    assert [c.feature for c in stronger] == [c.feature for c in drawn[0]]


def test_too_many_clamps_leave_nothing_to_compare_with():
    with pytest.raises(BadInput, match="7 of 12"):
        matched(clamp_set([(f, -1.0) for f in range(7)]), torch.ones(12), torch.ones(12, 2), 0)


def test_firing_counts_are_over_forget_questions_alone(toy):
    mine = [q for q, s in enumerate(s for s in toy.sets for _ in s.questions) if s.role == "forget"]
    rows = toy.recording.rows
    for feature in (0, 2, 9):
        tokens, _ = toy.recording.acts.of(feature)
        assert int(forget_counts(toy)[feature]) == sum(
            int(r) in mine for r in rows.row_of_token()[tokens]
        )


def test_controls_are_kept_and_stay_out_of_the_history(toy):
    first = {control.name: evaluation for control, evaluation in run_controls(toy, CLAMPS)}
    assert len(first) == N_RANDOM + 3
    known = finished_controls(toy, CLAMPS)
    assert [c for c, _ in known] == controls(CLAMPS, forget_counts(toy), toy.sae.W_dec)
    assert all(
        torch.equal(evaluation.scores, first[control.name].scores) for control, evaluation in known
    )
    assert toy.history.trials() == []
    assert toy.finished(CLAMPS) is None


KINDS: dict[str, Kind] = {
    "own": "own",
    "next decoder": "direction",
    "random direction": "direction",
}
"""All others are random features."""


def made(name: str, lost: int, gained: int = 0) -> Effect:
    change = 100 * (gained - lost) / 100
    result = SetResult(
        "f",
        "F",
        "forget",
        100,
        100,
        100,
        0.8,
        Interval(0.7, 0.9),
        0.8 + change / 100,
        lost,
        gained,
        change,
        change,
        change,
        0.1,
        False,
    )
    return Effect(KINDS.get(name, "random features"), name, "", result, result)


def test_the_verdict_says_how_many_random_sets_did_as_much():
    randoms = [made(f"random features {i}", lost) for i, lost in enumerate((0, 2, 4, 2, 2))]
    said = compared(made("own", 20), randoms)
    assert "−20.0 points" in said
    assert "−2.0 on average (−4.0 to +0.0)" in said
    assert "None did as much" in said
    assert "10 %" in said
    assert "2 of 5 did as much or more" in compared(
        made("own", 20),
        [*randoms[:3], made("random features 8", 20), made("random features 9", 30)],
    )
    assert "4 of 5 sets" in compared(made("own", 20), randoms[:4])
    assert "nothing to explain" in compared(made("own", 1, 3), randoms)
    assert "The retain questions: −20.0 with these, −2.0 with the random sets." in said
    assert "other directions" not in said


def test_the_verdict_says_when_another_direction_does_as_much():
    randoms = [made(f"random features {i}", 2) for i in range(5)]
    near = compared(
        made("own", 20), [*randoms, made("next decoder", 11), made("random direction", 1)]
    )
    assert "next decoder −11.0 (retain −11.0), random direction −1.0 (retain −1.0)" in near
    assert "where these features fire" in near
    far = compared(
        made("own", 20), [*randoms, made("next decoder", 9), made("random direction", 1)]
    )
    assert "next decoder −9.0" in far
    assert "where these features fire" not in far


def gated(toy, tau):
    return setting_of(
        [(2, -40.0), (5, -25.0), (7, -9.0)], Method(gate=Gate("rho", tau), reach="all")
    )


def test_controls_act_by_the_same_method_and_go_through_the_same_gate(toy):
    setting = gated(toy, 0.1)
    found = controls_of(toy, setting)
    own = [control for control in found if control.kind != "random, open as often"]
    assert {control.setting.method for control in own} == {setting.method}
    often = [control for control in found if control.kind == "random, open as often"]
    randoms = [control for control in found if control.kind == "random features"]
    assert [c.setting.clamps for c in often] == [c.setting.clamps for c in randoms]
    wanted = int((toy.opening(setting).rows > 0).sum())
    assert wanted
    for control in often:
        counts = [
            int((toy.opening(at(control.setting, tau)).rows > 0).sum())
            for tau in toy.opening(control.setting).of_row.unique().tolist()
        ]
        got = int((toy.opening(control.setting).rows > 0).sum())
        assert abs(got - wanted) == min(abs(n - wanted) for n in counts)


def at(setting, tau):
    gate = replace(setting.method.gate, tau=tau)
    return setting._replace(method=replace(setting.method, gate=gate))


def test_without_a_gate_there_is_nothing_to_open_as_often(toy):
    assert len(controls_of(toy, CLAMPS)) == N_RANDOM + 3


def test_the_verdict_says_what_random_features_do_that_open_as_often(toy):
    setting = gated(toy, 0.1)
    own = own_effect(toy.evaluate(setting))
    others = [control_effect(*pair) for pair in run_controls(toy, setting)]
    said = compared(own, others)
    if "nothing to explain" not in said:
        assert "With tau where as many questions are open: " in said
