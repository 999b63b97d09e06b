"""Each light on a case worked out by hand."""

from dataclasses import replace

import pytest
import torch

from backend.data.questions import PREFIX, Packed, Question, QuestionSet, QuestionSets
from backend.evaluation import lengths
from backend.evaluation.evaluate import Evaluation
from backend.evaluation.habits import stands
from backend.evaluation.lengths import edit_lengths, overrun
from backend.evaluation.lights import by_form, lights, opened_by
from backend.evaluation.recordings import Recording
from backend.interventions.gates import opening
from backend.interventions.method import NOTHING, Gate, Method, Setting, setting_of
from backend.interventions.rival import KINDS, PUSHED, TITLES, Rival
from backend.model.activations import by_feature
from backend.model.rows import Rows
from backend.statistics import mean_change
from tests.support.rivals import Slow, rival_of
from tests.support.toy import D_SAE

N = 40
FORGET = QuestionSet(
    "bio",
    "Bio",
    "forget",
    tuple(Question(i, "", "q", ("a", "bb", "cc", "dddd"), i % 4) for i in range(N)),
)
SETS = QuestionSets((FORGET,))


def scores_for(choices) -> torch.Tensor:
    """Log-probabilities of a model that gives the chosen option 0.7 and each other 0.1."""
    scores = torch.full((len(choices), 4), 0.1)
    scores[torch.arange(len(choices)), torch.tensor(choices)] = 0.7
    return scores.log()


RIGHT = [question.answer for question in FORGET.questions]


def recording(baseline: torch.Tensor) -> Recording:
    """Forty tokens of residual length 2.

    Feature 0 fires at the first three with 1, feature 1 at the third.
    """
    acts = by_feature([(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 0, 0, 1]), torch.ones(4))], 2)
    resid = torch.zeros(N, 3)
    resid[:, 2] = 2.0
    rows = Rows.of_text([[i] for i in range(N)])
    parts = dict.fromkeys(Recording.__dataclass_fields__)
    return Recording(
        **{
            **parts,
            "rows": rows,
            "exempt": torch.zeros(N, dtype=torch.bool),
            "resid": resid,
            "acts": acts,
            "baseline": baseline,
        }
    )


W_DEC = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
CLAMPS = setting_of([(0, -0.5)])


def run_of(before, after, clamps=CLAMPS):
    """A complete run that moved the scores from `before` to `after`."""
    every = torch.ones(N, dtype=torch.bool)
    return Evaluation(clamps, (), after, before, affected=every, done=every, seconds=0.0)


def found(before, after, *, by_letter=False, clamps=CLAMPS, only=None, times=None):
    run = run_of(scores_for(before), scores_for(after), clamps)
    if clamps.rival is None:
        times = overrun(recording(scores_for(before)), W_DEC, clamps)
    made = lights(SETS, recording(scores_for(before)), run, by_letter, only, None, times)
    return {light.name: light for light in made}


def test_what_is_kept_of_the_rest_is_held_against_the_papers_line():
    """200 retain questions, 100 of them known: losing one keeps 99 %, losing two does not."""
    many = tuple(replace(FORGET.questions[0], index=i) for i in range(200))
    sets = QuestionSets((replace(FORGET, name="rest", role="retain", questions=many),))
    was = [0] * 100 + [1] * 100

    def kept(now):
        run = replace(run_of(scores_for(was), scores_for(now)), affected=torch.ones(200).bool())
        made = lights(sets, recording(scores_for(was)), run, by_letter=False)
        return next(light for light in made if light.name == "The rest is kept")

    assert kept(was).ok
    assert kept([1, *was[1:]]).ok
    lost = kept([1, 1, *was[2:]])
    assert lost.ok is False
    assert "98.0 % of the retain accuracy without clamps: −1.0 pp" in lost.finding
    assert "over 200 questions" in lost.finding


def test_a_model_that_knows_and_is_little_changed_passes_all_but_the_length_check():
    made = found(RIGHT, RIGHT[:-1] + [0])
    assert [light.name for light in made.values() if not light.ok] == []


def test_a_baseline_at_chance_is_nothing_to_forget():
    light = found([0] * N, [0] * N)["Something to forget"]
    assert not light.ok
    assert "Bio 25.0 % of 40 [14.2 %, 40.2 %]" in light.finding


def test_avoiding_the_right_answer_is_below_chance():
    light = found(RIGHT, [(a + 1) % 4 for a in RIGHT])["Not below chance"]
    assert not light.ok
    assert "Bio 0.0 % of 40" in light.finding


def test_answering_one_letter_is_a_collapse_and_the_histogram_is_said():
    light = found(RIGHT, [0] * N, by_letter=True)["No collapse to a letter"]
    assert not light.ok
    assert "A 10 → 40, B 10 → 0, C 10 → 0, D 10 → 0" in light.finding
    assert found(RIGHT, RIGHT[1:] + [0], by_letter=True)["No collapse to a letter"].ok


def test_letters_that_lose_their_probability_are_seen():
    after = scores_for(RIGHT) - 2.0
    run = run_of(scores_for(RIGHT), after)
    made = lights(SETS, recording(scores_for(RIGHT)), run, by_letter=True)
    light = next(light for light in made if "letter" in light.name and "Still" in light.name)
    assert not light.ok
    assert "1.00 → 0.14" in light.finding


def test_reading_out_the_shortest_option_is_a_collapse_of_a_cloze_model():
    light = found(RIGHT, [0] * N)["No collapse to a length"]
    assert not light.ok
    assert "the longest 25 % → 0 %, the shortest 25 % → 100 %" in light.finding


LENGTH, LETTER = "No collapse to a length", "No collapse to a letter"


@pytest.mark.parametrize(
    ("by_letter", "name", "habit"), [(False, LENGTH, "the shortest"), (True, LETTER, "A")]
)
def test_a_habit_that_stood_before_the_clamps_is_said_to(by_letter, name, habit):
    """36 of 40 is 90 %, 35 are not; the right answers account for 10."""
    stood = found([0] * 36 + [1] * 4, [0] * 36 + [1] * 4, by_letter=by_letter)[name]
    assert not stood.ok
    assert f"Without clamps {habit} is already chosen for 90 %, and right for 25 %" in stood.finding
    less = found([0] * 35 + [1] * 5, [0] * 35 + [1] * 5, by_letter=by_letter)[name]
    assert less.ok
    assert "already" not in less.finding


@pytest.mark.parametrize(("n_right", "stood"), [(40, False), (36, False), (33, False), (32, True)])
def test_what_the_right_answers_explain_is_no_habit(n_right, stood):
    """All of 40 are chosen: by McNemar 7 more than are right may be chance (p 0.016),
    8 are not (p 0.008).
    """
    right, before = torch.arange(N) < n_right, torch.ones(N, dtype=torch.bool)
    assert stands(right, before) == stood


def test_only_the_questions_asked_for_are_counted():
    only = torch.arange(N) % 2 == 0
    assert "over 20 questions" in found(RIGHT, RIGHT, only=only)["No collapse to a length"].finding


@pytest.mark.parametrize(
    ("value", "times", "ok"), [(-0.5, 0.75, True), (-3.0, 2.0, False), (1.0, 0.0, True)]
)
def test_the_edits_length_is_told_in_lengths_of_the_residual(value, times, ok):
    """|value - 1| / 2: feature 0 is 1 where it fires, its direction 1 long, the residual 2."""
    clamps = setting_of([(0, value)])
    assert overrun(recording(scores_for(RIGHT)), W_DEC, clamps) == pytest.approx(times)
    light = found(RIGHT, RIGHT, clamps=clamps)["Edit in proportion"]
    assert light.ok == ok
    assert f"{times:.2f} times" in light.finding


def test_an_edits_lengths_are_those_of_what_it_adds_up_to(toy, monkeypatch):
    monkeypatch.setattr(lengths, "CHUNK", 7)
    acts, clamps = toy.recording.acts, [(f, -3.0 * f) for f in range(6)]
    moved = torch.zeros(toy.recording.rows.n_tokens, D_SAE)
    for feature, value in clamps:
        token, act = acts.of(feature)
        moved[token, feature] = value - act
    hit = (moved != 0).any(-1)
    assert int(hit.sum()) > 21
    torch.testing.assert_close(
        edit_lengths(acts, setting_of(clamps), toy.sae.W_dec),
        (moved @ toy.sae.W_dec)[hit].norm(dim=-1),
        rtol=1e-4,
        atol=1e-4,
    )


def test_where_the_longest_option_is_often_right_the_floor_is_not_chance():
    longest_right = replace(FORGET, questions=tuple(replace(q, answer=3) for q in FORGET.questions))
    scores = scores_for([3] * N)
    run = run_of(scores, scores, NOTHING)
    made = lights(QuestionSets((longest_right,)), recording(scores), run, by_letter=False)
    light = next(light for light in made if "length does not pay" in light.name)
    assert not light.ok
    assert "Bio 100.0 % of 40" in light.finding


def test_a_gate_that_opens_by_the_form_of_questions_is_flagged():
    # Ten questions: token 7 in each, 8 in nine, 9 in one; feature 0 fires at 7, feature 1 at 9.
    ids = [[5, 7, 8 if i else 9] for i in range(10)]
    rows = Rows.of(
        [Packed(row, [PREFIX] * 3, [2] * 4, [1] * 4, [0, 1, 2, 3], [1.0] * 4) for row in ids]
    )
    at_form = torch.tensor([3 * i + 1 for i in range(10)])
    token = torch.cat([at_form, torch.tensor([2])])
    feature = torch.tensor([0] * 10 + [1])
    made = replace(
        recording(torch.zeros(10, 4)),
        rows=rows,
        acts=by_feature([(token, feature, torch.ones(11))], 2),
    )

    def light(features, tau):
        gated = setting_of([(f, -1.0) for f in features], Method(gate=Gate("rho", tau)))
        opened = opening(rows, made.acts, gated)
        return by_form(made, opened), opened_by(made, opened)

    (share, n), flagged = light([0, 1], 0.5)  # open on the first question alone, of two firings
    assert (share, n) == (0.5, 1)
    assert not flagged.ok
    assert "50 % of the places" in flagged.finding
    (share, n), flagged = light([0], 0.1)
    assert (share, n, flagged.ok) == (1.0, 10, False)
    (share, n), fine = light([1], 0.1)
    assert (share, n, fine.ok) == (0.0, 1, True)
    (_, n), none = light([1], 0.9)
    assert (n, none.ok) == (0, True)
    assert none.finding == "The gate opens no question."


def test_a_mean_has_the_textbook_interval():
    assert mean_change([1.0, 2.0, 3.0]) == pytest.approx(
        (2.0, 2 - 1.959964 / 3**0.5, 2 + 1.959964 / 3**0.5)
    )


RIVAL = {kind: Setting(rival=Rival(kind, "abc")) for kind in KINDS}
PROPORTION = "Edit in proportion"


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_rival_the_lights_name_what_acts(kind):
    times = 0.5 if kind in PUSHED else None
    avoids = [(a + 1) % 4 for a in RIGHT]
    made = found(RIGHT, RIGHT, clamps=RIVAL[kind], times=times)
    low = found(RIGHT, avoids, clamps=RIVAL[kind], times=times)
    by = TITLES[kind]
    assert made["Not below chance"].finding == f"With {by} no set is below chance (25 %)."
    assert f"With {by}, below chance (25 %): Bio 0.0 % of 40" in low["Not below chance"].finding
    assert not low["Not below chance"].ok
    assert f"(with {by} 100.0 %)" in made["Guessing by length does not pay"].finding
    assert "the clamps" not in " ".join(light.finding for light in made.values())
    assert (PROPORTION in made) == (kind in PUSHED)


def test_a_model_that_answers_one_letter_is_caught_whatever_made_it():
    """As Farrell et al. found RMU to do."""
    light = found(RIGHT, [0] * N, by_letter=True, clamps=RIVAL["rmu"])["No collapse to a letter"]
    assert not light.ok
    assert "A 10 → 40" in light.finding


@pytest.mark.parametrize(("times", "ok"), [(0.0, True), (1.0, True), (1.01, False)])
def test_a_direction_is_in_proportion_up_to_the_residuals_length(times, ok):
    light = found(RIGHT, RIGHT, clamps=RIVAL["leace"], times=times)[PROPORTION]
    assert light.ok == ok
    assert f"the edit is {times:.2f} times as long as the residual" in light.finding


@pytest.mark.parametrize("kind", KINDS)
def test_a_directions_length_is_that_of_what_it_adds_to_the_questions(toy, kind):
    rival = rival_of(toy, kind)
    assert toy.rivals.times_residual(rival, toy.recording) is None, "nothing is measured for it"
    evaluation = toy.evaluate(Setting(rival=rival))
    made = {light.name: light for light in toy.lights(evaluation)}
    assert (PROPORTION in made) == (kind in PUSHED)
    if kind in PUSHED:
        resid = toy.recording.resid[~toy.recording.exempt]
        added = (Slow(toy, rival).push(resid) - resid).norm(dim=-1)
        times = float(added.median() / resid.norm(dim=-1).median())
        assert times > 0.01
        assert toy.rivals.times_residual(rival, toy.recording) == pytest.approx(times, rel=1e-4)
        assert f"the edit is {times:.2f} times" in made[PROPORTION].finding
