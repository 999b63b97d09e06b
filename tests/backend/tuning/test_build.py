"""A set built up: candidates by hand, what is tested against whole runs, what is resumed."""

from dataclasses import replace

import pytest
import torch

from backend.engine.engine import Engine
from backend.errors import BadInput, Unavailable
from backend.experiments.text_loss import text_loss
from backend.interventions.clamps import format_clamps
from backend.interventions.method import Method, setting_of
from backend.model.split import SplitModel
from backend.notices import noticed
from backend.reading.attribution import Strongest
from backend.setups import load_setup
from backend.tuning import tested as alone
from backend.tuning.build import (
    SIDE_EFFECTS,
    Candidate,
    Recipe,
    by_naming,
    candidates,
    grow,
    kept,
    screen,
    screened,
)
from tests.support.asked import held_out_answers
from tests.support.knowing import write_knowing

TEXT = (
    '[text_loss]\nrole = "retain"\ntitle = "other text"\nfile = "passages.jsonl"\nwhere = "other"\n'
)
RECIPE = Recipe(-2.0, per_question=6, text=9.0)


@pytest.fixture(scope="module")
def toml(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        yield write_knowing(folder, more=TEXT)


@pytest.fixture(scope="module")
def engine(toml) -> Engine:
    return Engine(load_setup(toml))


@pytest.fixture(scope="module")
def tested(engine) -> list[alone.Tested]:
    return list(screen(engine, RECIPE, candidates(engine, RECIPE)))


def setting(engine, feature, multiple=-2.0):
    return setting_of([(feature, round(multiple * engine.atlas.about(feature)["max_act"], 2))])


def counted(engine, setting, role):
    """Lost and gained of the selection half, counted in a run over all questions."""
    run, right = engine.evaluate(setting, anew=True), engine.sets.answers
    before, after = run.baseline.argmax(-1) == right, run.predictions() == right
    mine = engine.half("selection") & engine.sets.role(role)
    return int((mine & before & ~after).sum()), int((mine & after & ~before).sum())


def test_candidates_are_ordered_by_who_names_them_then_by_strength():
    found = Strongest(
        torch.tensor([0, 2, 4]),
        torch.tensor([[3, 1, -1], [3, 5, 1], [7, -1, 5]]),
        torch.tensor([[4.0, -1.0, 0.0], [1.0, -3.0, -1.0], [9.0, 0.0, -2.0]], dtype=torch.float64),
    )
    assert by_naming(found, 8) == [
        Candidate(3, 2, 5.0),
        Candidate(5, 2, 5.0),
        Candidate(1, 2, 2.0),
        Candidate(7, 1, 9.0),
    ]


def test_only_as_many_are_candidates_as_are_asked_for(engine):
    every = candidates(engine, Recipe(-2.0, per_question=6))
    assert candidates(engine, Recipe(-2.0, per_question=6, most=3)) == every[:3]
    assert len({one.feature for one in every}) == len(every) > 5


def test_what_a_feature_does_alone_is_a_part_of_what_it_does_to_all_questions(engine, tested):
    most = max(SIDE_EFFECTS)
    for one in tested:
        lost, gained = counted(engine, setting(engine, one.feature), "retain")
        if not one.complete:
            assert most < one.retain_lost <= lost
            assert (one.lost, one.gained, one.text_added) == (0, 0, None)
            continue
        assert (one.retain_lost, one.retain_gained) == (lost, gained)
        assert (one.lost, one.gained) == counted(engine, setting(engine, one.feature), "forget")
        if one.lost:
            assert one.text_added == text_loss(engine, setting(engine, one.feature)).added
    assert {one.complete for one in tested} == {True, False}
    assert any(one.lost for one in tested)


def test_side_effects_are_readings_of_one_screening(tested):
    for most in SIDE_EFFECTS:
        order = kept(tested, most)
        assert {one.feature for one in order} == {
            one.feature for one in tested if one.lost and one.retain_lost <= most
        }
        added = [one.text_added for one in order]
        assert added == sorted(added)
    assert len(kept(tested, 0)) < len(kept(tested, 2))


def test_of_equal_losses_on_text_the_one_that_forgets_more_comes_first():
    made = [
        alone.Tested(1, 1, 0, 0, 0, None),
        alone.Tested(2, 3, 0, 0, 0, None),
        alone.Tested(3, 0, 2, 0, 0, None),
        alone.Tested(4, 3, 0, 1, 0, None),
    ]
    assert [one.feature for one in kept(made, 0)] == [2, 1]
    assert [one.feature for one in kept(made, 1)] == [2, 4, 1]


@pytest.mark.parametrize("method", [Method(), Method(reach="all")], ids=["paper", "all"])
def test_steps_are_the_first_of_the_order_together(engine, tested, method):
    order = kept(tested, 2)
    steps = list(grow(engine, RECIPE, order, method=method))
    assert [step.n for step in steps] == list(range(1, len(order) + 1))
    for step in steps:
        assert step.features == tuple(one.feature for one in order[: step.n])
        clamps = [clamp for f in step.features for clamp in setting(engine, f).clamps]
        assert step.setting == setting_of(clamps, method)
        for role, figures in step.half._asdict().items():
            assert (figures.lost, figures.gained) == counted(engine, step.setting, role)
            assert figures.n == int((engine.half("selection") & engine.sets.role(role)).sum())
        assert step.text_added == text_loss(engine, step.setting).added
    assert len(steps) > 2


def test_no_further_feature_is_put_to_a_set_that_costs_too_much_on_text(engine, tested):
    order = kept(tested, 2)
    added = [step.text_added for step in grow(engine, RECIPE, order)]
    limit = sorted(added)[len(added) // 2]
    steps = list(grow(engine, replace(RECIPE, text=limit), order))
    within = [nats <= limit for nats in added]
    assert len(steps) == within.index(False) < len(added)


def test_no_held_out_question_is_run(engine, tested):
    steps = list(grow(engine, RECIPE, kept(tested, 2)))
    settings = [*(setting(engine, one.feature) for one in tested), *(s.setting for s in steps)]
    assert sum(held_out_answers(engine, each)[0] for each in settings) > 20
    assert [held_out_answers(engine, each)[1] for each in settings] == [0] * len(settings)


def test_a_screening_that_was_stopped_goes_on_and_nothing_runs_twice(
    toml, engine, tested, monkeypatch
):
    """Tested anew at another strength, in three programs."""
    recipe = Recipe(-3.0, per_question=6, text=9.0)
    named = candidates(engine, recipe)
    first = Engine(load_setup(toml))
    began = screen(first, recipe, named)
    some = [next(began) for _ in range(4)]
    began.close()
    assert screened(Engine(load_setup(toml)), recipe, named) == some
    second = list(screen(Engine(load_setup(toml)), recipe, named))
    assert second[:4] == some
    third = Engine(load_setup(toml))
    third.load()
    monkeypatch.setattr(SplitModel, "read_tail", lambda *_: pytest.fail("it ran again"))
    assert list(screen(third, recipe, named)) == second
    assert list(screen(third, RECIPE, candidates(third, RECIPE))) == tested
    assert list(grow(third, RECIPE, kept(tested, 2)))


def test_what_is_damaged_is_tested_again(toml, engine, tested):
    (path,) = (engine.folder / "tuning").glob("tested_*.json")
    path.write_bytes(path.read_bytes().replace(b"[", b"(", 1))
    again = Engine(load_setup(toml))
    assert screened(again, RECIPE, candidates(again, RECIPE)) == []
    assert list(screen(again, RECIPE, candidates(again, RECIPE)[:2])) == tested[:2]
    assert any(f"{path} is damaged" in text for text in noticed())


def test_a_value_is_the_same_for_all_features(engine):
    recipe = Recipe(None, 6, 2, value=-20.0, text=9.0)
    named = candidates(engine, recipe)
    (step,) = grow(engine, recipe, [alone.Tested(named[0].feature, 1, 0, 0, 0, None)])
    assert format_clamps(step.setting.clamps) == f"{named[0].feature}:-20"
    for one in screen(engine, recipe, named):
        lost, gained = counted(engine, setting_of([(one.feature, -20.0)]), "retain")
        assert not one.complete or (one.retain_lost, one.retain_gained) == (lost, gained)


@pytest.mark.parametrize(
    "given",
    [
        {"value": -20.0},
        {"multiple": None},
        {"per_question": 0},
        {"most": 0},
        {"side_effects": 3},
    ],
)
def test_a_recipe_that_is_none_is_refused(given):
    with pytest.raises(BadInput):
        Recipe(**given)


def test_without_a_right_answer_there_is_no_candidate(toy, monkeypatch):
    monkeypatch.setattr(
        "backend.reading.attribution.answered_right", lambda *_: torch.zeros(7, dtype=torch.bool)
    )
    with pytest.raises(Unavailable, match="no forget question"):
        candidates(toy, Recipe())
