"""Dose curves: the engine's own figures at each strength, kept, and continued after a stop."""

from dataclasses import replace

import pytest
import torch

from backend.errors import BadClamps, BadInput, BadRival
from backend.experiments.dose import MULTIPLES, STRENGTHS, dose_curve, plain, rival_dose
from backend.experiments.sweep import run_settings
from backend.interventions.clamps import value_of
from backend.interventions.method import Setting, setting_of
from backend.interventions.rival import checked_rival
from tests.support.toy import D_SAE


def test_a_curve_is_one_evaluation_for_each_multiple(toy):
    max_act = float(toy.atlas.table.max_act[2])
    found = {dose.multiple: dose for dose in dose_curve(toy, 2, (-3.0, 0.0, 1.0))}
    assert sorted(found) == [-3.0, 0.0, 1.0]
    for multiple, dose in found.items():
        assert dose.value == round(multiple * max_act, 2) == value_of(multiple, max_act)
        direct = toy.evaluate_reference(setting_of([(2, dose.value)]))
        torch.testing.assert_close(dose.evaluation.scores, direct.scores, atol=1e-4, rtol=0)
        for role, side in (("forget", dose.forget), ("retain", dose.retain)):
            right = n = before = 0
            for s in (s for s in toy.sets if s.role == role):
                mine = torch.tensor([t.name == s.name for t in toy.sets for _ in t.questions])
                answer = torch.tensor([q.answer for q in s.questions])
                right += int((direct.scores[mine].argmax(-1) == answer).sum())
                before += int((toy.recording.baseline[mine].argmax(-1) == answer).sum())
                n += len(answer)
            assert (side.n, side.accuracy, side.baseline_accuracy) == (
                n,
                pytest.approx(right / n),
                pytest.approx(before / n),
            )


def test_a_stopped_curve_goes_on_where_it_was(toy, monkeypatch):
    multiples = (-7.25, -6.25, -4.75)
    walk = dose_curve(toy, 3, multiples)
    first = next(walk)
    walk.close()
    evaluated = []
    evaluate = toy.evaluate
    monkeypatch.setattr(
        toy,
        "evaluate",
        lambda clamps, *args, **kwargs: (
            evaluated.append(clamps) or evaluate(clamps, *args, **kwargs)
        ),
    )
    rest = list(dose_curve(toy, 3, multiples))
    assert [d.multiple for d in rest][0] == first.multiple
    assert len(rest) == 3
    assert [setting.clamps[0].value for setting in evaluated] == [d.value for d in rest[1:]]


def test_what_is_known_comes_first(toy):
    late = setting_of([(4, -3.5)])
    toy.evaluate(late)
    assert [clamps for clamps, _ in run_settings(toy, [setting_of([(4, -2.5)]), late])] == [
        late,
        setting_of([(4, -2.5)]),
    ]


def test_points_of_a_curve_are_no_history_until_the_user_sets_them(toy):
    clamps = setting_of([(6, value_of(-9.5, float(toy.atlas.table.max_act[6])))])
    list(dose_curve(toy, 6, (-9.5,)))
    assert clamps not in [trial.run.setting for trial in toy.history.trials()]
    again = toy.evaluate(clamps)
    assert [trial.run.setting for trial in toy.history.trials()].count(clamps) == 1
    torch.testing.assert_close(toy.finished(clamps).scores, again.scores)


def test_a_callback_that_raises_stops_the_curve_and_lets_the_lock_go(toy):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(dose_curve(toy, 1, (-11.5,), stop))
    assert toy.evaluate(setting_of([(1, -11.25)])).complete


def test_the_pages_row_spans_the_sliders_range_and_holds_ablation():
    from components.clamping.sliders import HIGH, LOW

    assert (min(MULTIPLES), max(MULTIPLES)) == (LOW, HIGH)
    assert 0 in MULTIPLES
    assert len(set(MULTIPLES)) == len(MULTIPLES)


@pytest.mark.parametrize("feature", [-1, D_SAE])
def test_a_feature_there_is_none_of_is_said(toy, feature):
    with pytest.raises(BadInput, match=f"no feature {feature}"):
        list(dose_curve(toy, feature))


def test_two_multiples_of_the_same_clamp_are_refused(toy):
    with pytest.raises(BadInput, match="give each once"):
        list(dose_curve(toy, 1, (1.0, 1.0)))
    with pytest.raises(BadClamps, match="finite"):
        list(dose_curve(toy, 1, (float("nan"),)))


def test_a_point_in_plain_types_holds_every_set(toy):
    point = plain(next(dose_curve(toy, 2, (-3.0,))))
    assert [s["name"] for s in point["sets"]] == [s.name for s in toy.sets]
    assert point["forget"]["n"] == sum(len(s.questions) for s in toy.sets if s.role == "forget")


def test_points_along_a_directions_strength_are_single_runs(toy):
    rival = toy.rivals.named("projection")
    points = {dose.multiple: dose for dose in rival_dose(toy, rival, (1.0, 0.0, 2.0))}
    assert sorted(points) == [0.0, 1.0, 2.0]
    for strength, point in points.items():
        setting = Setting(rival=replace(rival, strength=strength))
        direct = toy.evaluate(setting, anew=True)
        assert torch.equal(point.evaluation.scores, direct.scores)
        assert point.value == strength
        assert [point.forget.lost, point.retain.lost] == [s.lost for s in direct.sets]
    torch.testing.assert_close(
        points[0.0].evaluation.scores, toy.recording.baseline, atol=1e-4, rtol=0
    )
    assert toy.history.trials() == [], "points of a curve are no history"
    assert plain(points[2.0])["forget"]["lost"] == points[2.0].forget.lost
    with pytest.raises(BadRival, match="The strength of Projection is 101"):
        list(rival_dose(toy, rival, (1.0, 101.0)))


def test_the_strengths_of_a_curve_can_be_had_each_once(toy):
    rival = toy.rivals.named("leace")
    rivals = {checked_rival(replace(rival, strength=strength)) for strength in STRENGTHS}
    assert len(rivals) == len(STRENGTHS)
    assert rival in rivals
