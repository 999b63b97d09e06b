"""The sentence, case by case, and what stands behind it on a real engine."""

from dataclasses import replace

import pytest

from backend.experiments.controls import run_controls
from backend.experiments.damage import Elsewhere
from backend.experiments.verdict import as_it_is, held_out_in_words, sentence, verdict
from backend.interventions.method import NOTHING, Setting, setting_of
from tests.support.results import result

FORGET = result("Biology", n=100, lost=24)
A, B = (result(name, n=100, lost=0, role="retain") for name in ("history", "maths"))


def kept(lost):
    return [result("history", n=400, lost=lost, role="retain"), replace(B, n=400)]


def test_what_rounds_to_the_same_stays():
    """Three of 800 are 0.4 points, of 560 right ones half a percent."""
    said = sentence([FORGET, *kept(3)], None)
    assert said == "Biology falls from 70 to 46 %, everything else stays at 70 %."


def test_within_the_line_the_paper_draws():
    """Of 2,000 questions 1,510 are right, then 1,496: 99.1 % of them."""
    many = [
        replace(result(name, n=1000, lost=7, role="retain"), baseline_accuracy=0.7551)
        for name in ("history", "maths")
    ]
    assert sentence([FORGET, *many], None) == (
        "Biology falls from 70 to 46 %, everything else from 76 to 75 %: within the 1 % that the "
        "paper allows."
    )


def test_beyond_the_line_and_what_would_have_come_with_any_features():
    said = sentence([FORGET, *kept(40)], Elsewhere(0.68, 0.2))
    assert said == (
        "Biology falls from 70 to 46 %, everything else from 70 to 65 %: beyond the 1 % that the "
        "paper allows; 7 parts in 10 of that fall would have come with any features."
    )


def test_a_push_no_better_than_any_other_is_said():
    said = sentence([FORGET, A, B], Elsewhere(0.0, 0.9))
    assert said.endswith(
        "; none of that fall would have come with any features, 9 parts in 10 along any direction."
    )


def test_a_change_that_the_exact_test_does_not_find_may_be_chance():
    said = sentence([result("Biology", n=100, lost=4), A, B], None)
    assert said.startswith("Biology falls from 70 to 66 % (may be chance), everything else stays")


def test_one_retain_set_has_its_own_name_and_rising_is_said():
    up = result("history", n=100, lost=0, gained=10, role="retain")
    said = sentence([FORGET, up], None)
    assert "history rises from 70 to 80 %" in said


def test_where_the_model_may_be_guessing_nothing_is_forgotten():
    said = sentence([replace(FORGET, inconclusive=True), A, B], None)
    assert said.endswith(
        "; but without clamps it may be guessing, and then there is nothing to forget."
    )


def test_without_clamps_it_says_what_is_right():
    assert as_it_is([FORGET, A, B]).startswith("Nothing acts yet: Biology 70 %")
    assert held_out_in_words([FORGET, A, B]) == (
        "Held-out half: Biology 70 → 46 %, everything else 70 → 70 %."
    )


@pytest.fixture
def setting():
    return setting_of([(0, -40.0), (3, -40.0)])


def test_on_an_engine_controls_turn_from_not_run_to_known(toy, setting):
    evaluation = toy.evaluate(setting)
    first = verdict(toy, evaluation)
    pooled_lost = sum(s.lost - s.gained for s in evaluation.sets if s.role == "forget")
    names = [light.name for light in first.lights]
    assert ("These features, not any" in names) == (pooled_lost > 0)
    assert first.damage is not None
    assert first.damage.lacks("controls")
    for _ in run_controls(toy, setting):
        pass
    second = verdict(toy, evaluation)
    assert second.damage.lacks("controls") == (pooled_lost <= 0)
    assert all(light.ok is not None for light in second.lights)


def test_over_the_held_out_half_it_is_not_said_twice(toy, setting):
    evaluation = toy.evaluate(setting)
    assert verdict(toy, evaluation, toy.half("held-out")).held_out == ""
    assert verdict(toy, evaluation, toy.half("selection")).held_out.startswith("Held-out half: ")
    assert verdict(toy, evaluation).held_out.startswith("Held-out half: ")


def test_nothing_acting_has_no_damage(toy):
    found = verdict(toy, toy.evaluate(NOTHING))
    assert found.damage is None
    assert found.sentence.startswith("Nothing acts yet")


def test_of_a_rival_no_controls_are_asked_for(toy):
    rival = toy.rivals.named("prompt", "Answer.")
    found = verdict(toy, toy.evaluate(Setting(rival=rival)))
    assert not any("not any" in light.name for light in found.lights)


def test_where_too_few_features_are_left_for_controls_the_rest_is_said_all_the_same(toy):
    """13 of 24: there are not as many others."""
    found = verdict(toy, toy.evaluate(setting_of([(f, -40.0) for f in range(13)])))
    assert found.damage is not None
    assert found.damage.lacks("controls")
