"""Sweeps: each point is the engine's own evaluation, and a stopped one goes on."""

import pytest

from backend.errors import BadInput
from backend.evaluation.evaluate import pooled
from backend.experiments.sweep import finished_points, grid, run_sweep
from backend.interventions.method import setting_of


def test_a_grid_takes_the_first_n_features_at_each_multiple_of_their_own_maximum():
    made = grid([7, 3, 5], {3: 2.0, 5: 0.0, 7: 10.0}.__getitem__, [1, 2, 50], [-2.0, 0.0])
    assert made[setting_of([(7, -20.0)])] == (1, -2.0)
    assert made[setting_of([(7, -20.0), (3, -4.0)])] == (2, -2.0)
    assert made[setting_of([(7, -20.0), (3, -4.0), (5, -2.0)])] == (3, -2.0)
    assert sorted(made.values()) == [(n, m) for n in (1, 2, 3) for m in (-2.0, 0.0)]


@pytest.mark.parametrize(
    ("features", "ns", "multiples"),
    [([], [1], [1.0]), ([1], [], [1.0]), ([1], [1], []), ([1], [0], [1.0]), ([1], [1], range(300))],
)
def test_a_grid_of_nothing_or_too_much_is_refused(features, ns, multiples):
    with pytest.raises(BadInput):
        grid(features, lambda _: 1.0, ns, multiples)


def test_points_are_the_engines_own_and_a_stopped_sweep_goes_on(toy):
    settings = grid(
        [2, 9, 4], lambda f: float(toy.atlas.table.max_act[f]), [1, 3], [-3.125, -7.125]
    )
    run = run_sweep(toy, settings)
    first = next(run)
    run.close()
    assert finished_points(toy, settings) == [first]
    points = list(run_sweep(toy, settings))
    assert points[0] == first
    assert len(points) == 4
    swept = {t.run.setting for t in toy.history.trials(swept=True) if t.swept}
    assert set(settings) <= swept
    assert not set(settings) & {t.run.setting for t in toy.history.trials()}
    for made in points:
        assert made.forget == pooled(toy.evaluate(made.setting).sets, "forget")
        assert settings[made.setting] == (made.n, made.multiple)
    half = toy.half("selection")
    assert {p.forget.n for p in finished_points(toy, settings, half)} == {
        int((half & toy.in_sets(["biology"])).sum())
    }
