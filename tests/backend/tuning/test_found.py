"""What a search ends in, by hand and by the engine's own figures."""

import math
import re

import pytest

from backend.evaluation.evaluate import pooled
from backend.experiments.halves import OfHalf, best, by_half
from backend.interventions.method import setting_of
from backend.tuning.found import Found, report
from backend.wording import signed
from tests.support.results import result

SETTING = setting_of([(3, -2.0)])


class Point:
    def __init__(self, name, forget, retain):
        self.name = name
        self.half = OfHalf(
            result("f", n=100, lost=forget), result("r", n=100, lost=retain, role="retain")
        )


def test_the_best_forgets_most_of_those_that_cost_little_enough():
    a, b, c, d = (
        Point("a", 10, 1),
        Point("b", 30, 3),
        Point("c", 50, 4),
        Point("d", 30, 2),
    )
    assert best([a, b, c, d], 3.0) is d
    assert best([a, b, c, d], 4.0) is c
    assert best([a, b, c, d], 0.5) is None


def found(selection, held_out, retain_held_out=1, **more):
    halves = {
        half: OfHalf(result("f", n=n, lost=lost), result("r", n=n, lost=retain_lost, role="retain"))
        for half, (n, lost, retain_lost) in {
            "selection": (*selection, 1),
            "held-out": (*held_out, retain_held_out),
        }.items()
    }
    return Found(SETTING, "by hand", 7, halves, **more)


def test_the_drop_is_between_two_halves_and_its_interval_has_both_of_theirs():
    made = found((100, 40), (100, 30))
    drop, (low, high) = made.drop("forget")
    assert drop == pytest.approx(10.0)
    widths = [(h.forget.ci_high_pp - h.forget.ci_low_pp) / 2 for h in made.halves.values()]
    assert high - low == pytest.approx(2 * math.hypot(*widths))
    assert "Chosen among 7 settings on the selection half" in made.in_words()
    assert re.search(
        r"it forgets 10.0 points \[[^]]+\] less \(which may be chance\)", made.in_words()
    )
    assert made.in_words().endswith("and costs no more.")
    assert made.plain()["drop_pp"] == drop


def test_what_it_costs_more_where_it_was_not_chosen_is_said_too():
    made = found((100, 30), (100, 30), retain_held_out=21)
    drop, (low, high) = made.drop("retain")
    assert drop == pytest.approx(-20.0)
    assert f"costs 20.0 points [{signed(-high)}, {signed(-low)}] more." in made.in_words()
    assert made.plain()["retain_drop_pp"] == drop
    assert "costs 2.0 points" in (slight := found((100, 30), (100, 30), 3).in_words())
    assert "more (which may be chance)" in slight


def test_a_choice_on_all_questions_names_no_half_it_was_not_chosen_on():
    made = found((100, 40), (100, 30), chosen_on="all", looked="it was chosen on all questions")
    assert "Chosen among 7 settings on all questions, so that both halves" in made.in_words()
    assert "not chosen" not in made.in_words()
    assert made.in_words().count("retain") == 2
    assert made.plain()["chosen_on"] == "all"


def test_a_drop_beyond_chance_is_said_without_it_and_none_as_none():
    assert "may be chance" not in found((400, 240), (400, 40)).in_words()
    assert "Where it was not chosen it forgets as much" in found((100, 30), (100, 40)).in_words()
    assert "There is no held-out half" in found((100, 30), (0, 0)).in_words()


def test_a_search_that_looked_says_so():
    made = found((100, 40), (100, 30), looked="it was chosen on all questions")
    assert "Not blind: it was chosen on all questions." in made.in_words()
    assert made.plain()["looked"]


def test_what_is_found_runs_on_all_questions_and_says_how_it_was_found(knowing):
    made = report(knowing, SETTING, "tried by hand", 12)
    evaluation = knowing.finished(SETTING)
    assert made.halves == by_half(knowing, evaluation)
    for half, figures in made.halves.items():
        sets = knowing.restrict(evaluation, knowing.half(half)).sets
        assert figures.retain == pooled(sets, "retain")
    run = knowing.results.read(SETTING)
    assert run.note == "tried by hand, among 12 settings"
    assert SETTING in {trial.run.setting for trial in knowing.history.trials()}
    knowing.results.annotate(SETTING, note="mine")
    report(knowing, SETTING, "tried again", 13)
    assert knowing.results.read(SETTING).note == "mine"
