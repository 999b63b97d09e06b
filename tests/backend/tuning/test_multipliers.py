"""Sliders moved by gradient: downhill, within bounds, on the selection half alone, resumed."""

from dataclasses import replace

import pytest
import torch

from backend.errors import BadInput, Unavailable
from backend.evaluation.evaluate import pooled
from backend.interventions.clamps import unit_of
from backend.interventions.method import NOTHING, Gate, Method, Refusal, setting_of
from backend.model.split import SplitModel
from backend.tuning.multipliers import FALSE_ALARMS, HIGH, LOW, Aim, Tuner
from backend.tuning.objective import Asked, loss, slope
from backend.tuning.thirds import thirds

FEATURES = (1, 2, 5, 9, 14)
AIM = Aim(retain_weight=0.5, rate=0.5, steps=4)


def start(engine, method=None):
    about = engine.atlas.about
    clamps = [(f, -1.0 * unit_of(about(f)["max_act"])) for f in FEATURES]
    return setting_of(clamps, method or Method())


def asked(engine):
    known = engine.recording.baseline.argmax(-1) == engine.sets.answers
    return Asked(
        engine.recording.baseline,
        engine.sets.answers,
        known & engine.sets.role("forget"),
        engine.sets.role("retain"),
    )


def taken(tuner):
    while not tuner.done:
        tuner.step()
    return tuner.moves


def test_the_selection_half_is_parted_in_thirds_and_nothing_is_held_out_from_it(knowing):
    selection = knowing.half("selection")
    fit, stop = thirds(knowing.sets, selection)
    assert not (fit & stop).any()
    assert (fit | stop).equal(selection)
    for s in knowing.sets:
        span = knowing.sets.span(s.name)
        assert int(stop[span].sum()) == int(selection[span].sum()) // 3


def test_steps_go_downhill_and_say_what_the_engine_says(knowing):
    tuner = Tuner(knowing, start(knowing), AIM)
    moves = taken(tuner)
    assert [moved.step for moved in moves] == list(range(len(moves)))
    assert moves[0].setting == start(knowing)
    assert tuner.best.stop_loss == min(moved.stop_loss for moved in moves)
    selection = knowing.half("selection")
    fit, stop = thirds(knowing.sets, selection)
    falls = []
    for moved in moves:
        own = knowing.evaluate(moved.setting, listed=False)
        assert moved.half.forget == pooled(knowing.restrict(own, selection).sets, "forget")
        mine = asked(knowing).at(stop)
        assert moved.stop_loss == pytest.approx(loss(own.scores[stop], mine, 0.5), abs=1e-4)
        falls.append(float(slope(own.scores[fit], asked(knowing).at(fit), 0.5)))
    assert falls[-1] < falls[0]


def test_a_step_is_adams_on_the_loss_of_the_whole_board(knowing):
    """Its direction by differences: each slider alone, up and down."""
    tuner = Tuner(knowing, start(knowing), Aim(retain_weight=0.5, rate=0.25, steps=1))
    before, after = taken(tuner)
    fit, _ = thirds(knowing.sets, knowing.half("selection"))
    mine = asked(knowing).at(fit)

    def of(pairs):
        scores = knowing.evaluate(setting_of(pairs), listed=False).scores[fit]
        return float(slope(scores, mine, 0.5))

    for place, (feature, value) in enumerate(before.setting.clamps):
        pairs = list(before.setting.clamps)
        unit = unit_of(knowing.atlas.about(feature)["max_act"])
        up, down = (
            of([*pairs[:place], (feature, value + sign * 0.02 * unit), *pairs[place + 1 :]])
            for sign in (1, -1)
        )
        moved = (after.setting.clamps[place].value - value) / unit
        if abs(up - down) > 1e-4:  # Adam's first step is as long as its rate, whatever the slope
            assert moved == pytest.approx(-0.25 if up > down else 0.25, abs=0.01)


def test_sliders_stay_where_a_slider_can_go(knowing):
    tuner = Tuner(knowing, start(knowing), Aim(rate=50.0, steps=2, patience=9))
    for moved in taken(tuner)[1:]:
        for feature, value in moved.setting.clamps:
            multiple = value / unit_of(knowing.atlas.about(feature)["max_act"])
            assert LOW - 0.01 <= multiple <= HIGH + 0.01


def test_held_out_questions_are_never_run(knowing, monkeypatch):
    places, own = [], SplitModel.read_tail

    def watched(self, resid, batch, *rest):
        places.append(batch.rows)
        return own(self, resid, batch, *rest)

    monkeypatch.setattr(SplitModel, "read_tail", watched)
    gated = start(knowing, Method(gate=Gate("rho", 0.1)))
    taken(Tuner(knowing, gated, Aim(rate=0.37, steps=2)))
    ran = torch.zeros(knowing.n_questions, dtype=torch.bool)
    ran[torch.cat(places)] = True
    assert ran.any()
    assert not (ran & ~knowing.half("selection")).any()


def test_a_gates_tau_moves_to_where_the_loss_is_least(knowing):
    """By running the setting at every tau there may be."""
    gated = start(knowing, Method(gate=Gate("rho", 0.5)))
    fit, _ = thirds(knowing.sets, knowing.half("selection"))
    fit &= asked(knowing).known | asked(knowing).retain
    losses = {}
    for rate in (None, *FALSE_ALARMS):
        tried = (
            gated if rate is None else knowing.calibrate(gated, rate, "quantile", "questions")[0]
        )
        scores = knowing.evaluate(tried, listed=False).scores[fit]
        losses[tried.method.gate.tau] = loss(scores, asked(knowing).at(fit), 0.0)
    assert len(losses) > 2
    aim = Aim(retain_weight=0.0, rate=0.1, steps=1)
    tau = taken(Tuner(knowing, gated, aim))[1].setting.method.gate.tau
    assert losses[tau] == pytest.approx(min(losses.values()), abs=1e-6)
    still = taken(Tuner(knowing, gated, replace(aim, move_tau=False)))
    assert {moved.setting.method.gate.tau for moved in still} == {0.5}


def test_a_tuning_that_was_stopped_goes_on_and_comes_to_the_same(knowing):
    method = Method(gate=Gate("cusum", 0.5))
    whole = taken(Tuner(knowing, start(knowing, method), AIM))
    first = Tuner(knowing, start(knowing, method), AIM)
    for _ in range(3):
        first.step()
    again = Tuner(knowing, start(knowing, method), AIM, resume=True)
    assert again.n_known == 2
    assert taken(again) == whole
    anew = Tuner(knowing, start(knowing, method), AIM)
    assert anew.n_known == 0


def test_a_step_that_is_stopped_leaves_all_as_it_was(knowing):
    tuner = Tuner(knowing, start(knowing), AIM)
    tuner.step()

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuner.step(stop)
    assert not knowing.busy
    assert [moved.step for moved in tuner.moves] == [0]
    assert tuner.step() == taken(Tuner(knowing, start(knowing), AIM))[1]


def test_it_ends_when_the_last_third_gets_no_better(knowing):
    tuner = Tuner(knowing, start(knowing), Aim(retain_weight=0.0, rate=0.0, steps=50, patience=3))
    assert len(taken(tuner)) == 4  # no step moves anything
    assert tuner.best.step == 0


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (NOTHING, "no sliders"),
        (setting_of([(1, -1.0)], Method(refusal=Refusal(3, -2.0))), "refusal latent"),
    ],
)
def test_what_has_no_sliders_is_refused_in_words(knowing, setting, said):
    with pytest.raises(BadInput, match=said):
        Tuner(knowing, setting, AIM)


def test_where_nothing_is_known_there_is_nothing_to_tune_for(knowing, monkeypatch):
    never = torch.zeros(knowing.n_questions, dtype=torch.bool)
    monkeypatch.setattr("backend.tuning.multipliers.answered_right", lambda *_: never)
    with pytest.raises(Unavailable, match="nothing to tune for"):
        Tuner(knowing, start(knowing), AIM)
