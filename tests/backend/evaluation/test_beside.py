"""Who wins, worked out by hand: eight forget and eight retain questions, even ones to choose on."""

from types import SimpleNamespace

import pytest
import torch

from backend.evaluation.beside import Beside, Pairs, beside, family_of, foremost
from backend.evaluation.history import Pooled, Trial
from backend.evaluation.results import Run
from backend.interventions.method import NOTHING, Gate, Method, Setting, setting_of
from backend.interventions.rival import Rival

N = 8
FORGET = torch.arange(2 * N) < N
SETS = SimpleNamespace(role=lambda role: FORGET if role == "forget" else ~FORGET)
SELECTION = torch.arange(2 * N) % 2 == 0
CLAMPED = setting_of([(1, -5.0)])
GATED = setting_of([(1, -5.0)], Method(gate=Gate("rho", 0.2)))
RMU, OTHER_RMU = (Setting(rival=Rival("rmu", name)) for name in ("a", "b"))
LEACE = Setting(rival=Rival("leace", "f"))
RANDOM = Setting(rival=Rival("random-direction", "f"))
PROMPT = Setting(rival=Rival("prompt", "Forget."))


def right(forget: str, retain: str) -> torch.Tensor:
    """Of the eight forget and the eight retain questions, "x" where it is right."""
    return torch.tensor([mark == "x" for mark in forget + retain])


MINE = right("x.x.x.x.", "xxxxx.xx")
"""On the selection half 4 of 4 forget and 4 of 4 retain questions; on the other 0 and 3."""


def trial(setting: Setting, answers: torch.Tensor) -> Trial:
    run = Run(setting.clamps, [], 0, 0, method=setting.method, rival=setting.rival)
    return Trial(run, Pooled(0, N), Pooled(0, N), answers)


def found(*trials: Trial, setting: Setting = CLAMPED) -> list[Beside]:
    names = {t.id: f"run {i}" for i, t in enumerate(trials)}
    return beside(setting, MINE, trials, names, SETS, SELECTION)


@pytest.mark.parametrize(
    ("setting", "family"),
    [
        (CLAMPED, "clamps"),
        (GATED, "clamps"),
        (RMU, "RMU"),
        (LEACE, "direction"),
        (RANDOM, "random direction"),
        (PROMPT, "prompt"),
    ],
)
def test_gates_make_no_family_of_their_own_and_directions_are_one(setting, family):
    assert family_of(setting) == family


def test_of_those_that_cost_no_more_the_one_that_forgets_most_is_chosen_on_the_selection_half():
    cheap = trial(RMU, right("....xxxx", "x.x.x.x."))  # 2 forget, 4 retain on the selection half
    better = trial(OTHER_RMU, right("..xx....", "x.x.x.x."))  # 1 and 4
    dear = trial(Setting(rival=Rival("rmu", "c")), right("........", "x.x.x..."))  # 0 and 3
    (one,) = found(cheap, better, dear)
    assert (one.name, one.n_tried, one.kept) == ("run 1", 3, (4, 4, 4))
    assert one.costs_as_little


def test_a_tie_goes_to_the_one_that_keeps_more_then_to_the_newest():
    worse = trial(RMU, right(".x.x.x.x", "x.x.x.xx"))
    alike = trial(OTHER_RMU, right("........", "x.x.x.x."))
    (one,) = found(worse, alike)  # both: 0 forget, 4 retain on the selection half
    assert one.name == "run 0"


def test_what_is_said_is_over_the_held_out_half_alone():
    (one,) = found(trial(RMU, right(".x.x.x..", "x.xxx.x.")))
    # Held out: forget mine . . . ., theirs x x x .; retain mine x x . x, theirs . x . .
    assert one.forget == Pairs(4, 0, 3)
    assert one.retain == Pairs(4, 2, 0)
    assert one.forget.change.change_pp == pytest.approx(75.0)
    assert one.retain.change.change_pp == pytest.approx(-50.0)


def test_where_none_costs_as_little_it_is_said_and_which_keeps_most():
    less = trial(RMU, right("........", "x......."))
    most = trial(OTHER_RMU, right("........", "x.x.x..."))
    (one,) = found(less, most)
    assert not one.costs_as_little
    assert one.in_words() == (
        "No RMU tried so far costs as little: of 2, run 1 keeps 3 of 4 retain questions of the "
        "selection half, this setting 4."
    )


def test_clamps_stand_beside_every_rival_that_was_tried_but_no_other_clamps():
    same = right("x.x.x.x.", "xxxxxxxx")
    kinds = [one.family for one in found(*(trial(s, same) for s in (PROMPT, GATED, LEACE, RMU)))]
    assert kinds == ["RMU", "direction", "prompt"]


def test_a_rival_stands_beside_the_clamps_and_the_other_kinds_but_not_beside_no_clamp():
    same = right("x.x.x.x.", "xxxxxxxx")
    tried = [trial(s, same) for s in (NOTHING, GATED, LEACE, RMU, RANDOM)]
    kinds = [one.family for one in found(*tried, setting=OTHER_RMU)]
    assert kinds == ["direction", "random direction", "clamps"]
    assert found(trial(NOTHING, same), setting=RMU) == []


def said(forget: Pairs, retain: Pairs, family: str = "RMU", name: str = "RMU l7") -> str:
    return Beside(family, name, 1, (99, 100, 136), forget, retain).in_words()


def test_a_sure_difference_is_an_amount_with_its_interval():
    # change (10 - 23) / 135 = -9.63 points; se = sqrt(33 - 169 / 135) / 135 = 4.17 points
    assert said(Pairs(135, 23, 10), Pairs(136, 8, 9)) == (
        "At this retain cost RMU l7 forgets 9.6 points more [1.4, 17.8], paired over 135 held-out "
        "questions; of the 136 retain questions it keeps 0.7 points more [−5.2, 6.7], which may be "
        "chance."
    )


def test_less_is_said_as_less_with_the_interval_of_that():
    assert "forgets 9.6 points less [1.4, 17.8], paired" in said(Pairs(135, 10, 23), Pairs(9, 1, 1))


def test_no_difference_is_said_as_such():
    assert "it keeps as much [−30.8, 30.8]." in said(Pairs(9, 1, 0), Pairs(9, 1, 1))
    assert "forgets the very same questions, paired" in said(Pairs(9, 0, 0), Pairs(9, 1, 1))


def test_clamps_are_many():
    words = said(Pairs(9, 5, 0), Pairs(9, 0, 4), "clamps", "Forget biology")
    assert words.startswith("At this retain cost the clamps “Forget biology” forget 55.6 points")
    assert "of the 9 retain questions they keep 44.4 points more" in words
    none = Beside("clamps", "2 features", 3, (99, 90, 136), Pairs(9, 0, 0), Pairs(9, 0, 0))
    assert none.in_words() == (
        "No clamps tried so far cost as little: of 3, the clamps “2 features” keep 90 of 136 "
        "retain questions of the selection half, this setting 99."
    )


def of_family(family, pairs, costs=0):
    return Beside(family, f"the {family}", 1, (5, 5 - costs, 9), pairs, Pairs(9, 1, 1))


def test_the_foremost_is_the_family_that_forgets_most_at_this_cost():
    rmu, direction = (
        of_family("RMU", Pairs(100, 30, 10)),
        of_family("direction", Pairs(100, 12, 10)),
    )
    dear = of_family("prompt", Pairs(100, 90, 0), costs=1)
    said = foremost([direction, rmu, dear])
    assert said.startswith("At this cost RMU forgets 20.0 points more [")
    assert said.endswith("] (held-out half).")
    weak = foremost([of_family("direction", Pairs(100, 5, 25))])
    assert weak.startswith(
        "At this cost no rival forgets more: a direction forgets 20.0 points less ["
    )
    assert foremost([dear]) == "", "none costs as little"
    assert foremost([]) == ""
