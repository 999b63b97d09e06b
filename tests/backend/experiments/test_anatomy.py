"""One question taken apart, against the full forward pass and against runs that look nothing up."""

from itertools import pairwise

import pytest
import torch

from backend.errors import BadInput
from backend.experiments import anatomy
from backend.experiments.anatomy import Answer, Point, Scrub
from backend.interventions.clamps import value_of
from backend.interventions.method import NOTHING, PAPER, Gate, Method, Refusal, Setting, setting_of
from backend.interventions.rival import Rival
from backend.rivals.prompts import WORDINGS

CLAMPS = [(0, -120.0), (2, -40.0), (5, -30.0), (13, -30.0), (20, -15.0), (23, -5.0)]
SETTING = setting_of(CLAMPS)
PLACE = 1
METHODS = {
    "the paper's": PAPER,
    "a gate": Method(gate=Gate("rho", 0.6)),
    "a gate by likelihood": Method(gate=Gate("cusum", 0.5)),
    "all where one fires": Method(reach="all"),
    "a refusal latent": Method(refusal=Refusal(9, 40.0)),
    "a threshold and the length": Method(threshold=6.0, keep_norm=True),
}


def by_reference(toy, setting):
    """The answer by the whole model with a hook, nothing of the engine's shortcuts in it."""
    found = toy.evaluate_reference(setting, only=anatomy.only(toy, PLACE))
    return found.scores[PLACE].tolist()


def test_a_point_of_the_curve_is_what_the_full_pass_with_a_hook_says(toy):
    scrub = anatomy.scrub_of(toy, SETTING)
    points = {p.strength: p.answer for p in anatomy.curve(toy, PLACE, SETTING, scrub)}
    halved = setting_of([(feature, value / 2) for feature, value in CLAMPS])
    ablated = setting_of([(feature, 0.0) for feature, _ in CLAMPS])
    for strength, setting in ((0.5, halved), (0.0, ablated), (1.0, SETTING), (None, NOTHING)):
        assert points[strength].scores == pytest.approx(by_reference(toy, setting), abs=1e-4)
    assert len({answer.scores for answer in points.values()}) > 5, "the strength changes nothing"


def test_a_feature_left_out_is_what_the_full_pass_with_a_hook_says(toy):
    found = {c.feature: c for c in anatomy.contributions(toy, PLACE, SETTING)}
    acting = [feature for feature, c in found.items() if not c.same][:2]
    assert len(acting) == 2
    for feature in acting:
        left = setting_of([clamp for clamp in CLAMPS if clamp[0] != feature])
        alone = setting_of([clamp for clamp in CLAMPS if clamp[0] == feature])
        assert found[feature].left_out.scores == pytest.approx(by_reference(toy, left), abs=1e-4)
        assert found[feature].alone.scores == pytest.approx(by_reference(toy, alone), abs=1e-4)


def test_a_feature_that_contributes_exactly_0_fires_on_no_token_of_the_question(toy):
    found = list(anatomy.contributions(toy, PLACE, SETTING))
    zero = [c.feature for c in found if c.same]
    assert zero and len(zero) < len(found), "the toy has both kinds"
    acts = toy.sae.encode(recorded(toy))
    fires = {f for f in SETTING.features if bool((acts[:, f] > 0).any())}
    assert set(zero) == set(SETTING.features) - fires
    whole = by_reference(toy, SETTING)
    for feature in zero:
        left = setting_of([clamp for clamp in CLAMPS if clamp[0] != feature])
        assert by_reference(toy, left) == whole


def recorded(toy):
    """The residuals at the hook, of the question's tokens that a clamp may touch."""
    begin, end = toy.recording.rows.start[PLACE : PLACE + 2].tolist()
    return toy.recording.resid[begin:end][~toy.recording.exempt[begin:end]].float()


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_contribution_is_that_of_a_run_that_looks_nothing_up(toy, method):
    setting = setting_of(CLAMPS, method)
    for c in anatomy.contributions(toy, PLACE, setting):
        for answer, clamps in (
            (c.left_out, [clamp for clamp in CLAMPS if clamp[0] != c.feature]),
            (c.alone, [clamp for clamp in CLAMPS if clamp[0] == c.feature]),
        ):
            only = anatomy.only(toy, PLACE)
            run = toy.evaluate(setting_of(clamps, method), only=only, anew=True)
            assert list(answer.scores) == run.scores[PLACE].tolist(), c.feature


def test_a_feature_whose_absence_closes_the_gate_is_run(toy):
    statistic = toy.opening(setting_of(CLAMPS, Method(gate=Gate("rho", 0.0)))).of_row[PLACE]
    setting = setting_of(CLAMPS, Method(gate=Gate("rho", float(statistic) - 1e-3)))
    before = anatomy.answer(toy, PLACE, NOTHING)
    closing = [
        c
        for c in anatomy.contributions(toy, PLACE, setting)
        if toy.opening(anatomy.without(setting, c.feature)).rows[PLACE] == 0
    ]
    assert closing, "no feature holds the gate open alone"
    assert all(not c.same and c.left_out == before for c in closing)


def test_what_ran_once_is_looked_up(toy, monkeypatch):
    scrub = anatomy.scrub_of(toy, SETTING)
    begun = anatomy.curve(toy, PLACE, SETTING, scrub)
    first = [next(begun) for _ in range(4)]
    begun.close()
    monkeypatch.setattr(toy, "evaluate", None)
    again = anatomy.curve(toy, PLACE, SETTING, scrub)
    assert [next(again) for _ in range(4)] == first
    with pytest.raises(TypeError):
        list(again)


def test_a_flip_is_looked_for_between_the_strengths_of_the_grid(toy):
    found = 0
    for place in range(4):
        points = list(anatomy.curve(toy, place, SETTING, anatomy.scrub_of(toy, SETTING)))
        for flip in anatomy.flips(points):
            found += 1
            assert flip.high - flip.low <= 0.5 / 2**anatomy.HALVINGS
            assert flip.at_low != flip.at_high
        if found:
            break
    assert found, "no answer flips on the toy"


def test_flips_are_read_off_neighbours_by_strength():
    def at(strength, choice):
        return Point(strength, Answer(tuple(float(i == choice) for i in range(4))))

    points = [at(None, 3), at(2.0, 1), at(0.0, 0), at(1.0, 0), at(3.0, 2)]
    assert [tuple(flip) for flip in anatomy.flips(points)] == [(1.0, 2.0, 0, 1), (2.0, 3.0, 1, 2)]


def test_one_features_strength_moves_while_the_others_stay(toy):
    scrub = anatomy.scrub_of(toy, SETTING, 2)
    max_act = float(toy.atlas.table.max_act[2])
    assert scrub.present == pytest.approx(-40.0 / max_act)
    moved = anatomy.scrubbed(SETTING, scrub, -5.0)
    expected = [(f, value_of(-5.0, max_act) if f == 2 else v) for f, v in CLAMPS]
    assert moved == setting_of(expected)
    assert anatomy.scrubbed(SETTING, scrub, scrub.present) == SETTING
    assert anatomy.scrubbed(SETTING, scrub, None) == setting_of(c for c in CLAMPS if c[0] != 2)


def test_a_strength_that_no_clamp_can_have_is_left_out(toy):
    setting = setting_of([(0, -2_000_000.0)])
    scrub = anatomy.scrub_of(toy, setting)
    assert anatomy.scrubbed(setting, scrub, 2.0) is None
    strengths = [p.strength for p in anatomy.curve(toy, PLACE, setting, scrub)]
    assert max(s for s in strengths if s is not None) == 1.5


def test_a_directions_strength_is_its_own(toy):
    setting = Setting(rival=toy.rivals.named("leace"))
    scrub = anatomy.scrub_of(toy, setting)
    points = {p.strength: p.answer for p in anatomy.curve(toy, PLACE, setting, scrub)}
    doubled = Setting(rival=toy.rivals.named("leace", None, 2.0))
    assert points[2.0].scores == pytest.approx(by_reference(toy, doubled), abs=1e-4)
    assert not list(anatomy.contributions(toy, PLACE, setting))


@pytest.mark.parametrize(
    ("setting", "feature", "said"),
    [
        (NOTHING, None, "Nothing is clamped"),
        (SETTING, 7, "Feature 7 is not clamped here"),
        (Setting(rival=Rival("prompt", WORDINGS[0].text)), None, "has no strength"),
        (Setting(rival=Rival("leace", "f")), 2, "No feature is clamped here"),
    ],
)
def test_a_strength_there_is_none_of_is_refused_in_words(toy, setting, feature, said):
    with pytest.raises(BadInput, match=said):
        anatomy.scrub_of(toy, setting, feature)


def test_the_present_strength_comes_first_and_once():
    for kind, present in (("all", 1.0), ("feature", -2.99), ("direction", 1.0)):
        strengths = Scrub(kind, None, present).strengths()
        assert strengths[0] == present
        assert all(b - a >= 0.05 for a, b in pairwise(sorted(strengths)))


def test_shares_and_margin_are_those_of_the_scores():
    answer = Answer((-1.0, -3.0, -2.0, -9.0))
    likelihoods = torch.tensor(answer.scores, dtype=torch.float64).exp()
    assert answer.shares == pytest.approx((likelihoods / likelihoods.sum()).tolist())
    assert (answer.choice, answer.margin(0), answer.margin(2)) == (0, 1.0, -1.0)
