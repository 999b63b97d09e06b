"""The page for somebody without the program: the board's figures, nothing fetched."""

import re

from backend.evaluation.history import Pooled, Trial
from backend.evaluation.results import Run
from backend.experiments.controls import run_controls
from backend.interventions.method import setting_of
from backend.sharing.report import report
from backend.sharing.svg import trials_svg


def test_it_has_the_figures_and_stands_alone(toy):
    evaluation = toy.evaluate(setting_of([(1, -120.0), (3, 0.0)]))
    page = report(toy, evaluation)
    for s in evaluation.sets:
        assert f"{100 * s.baseline_accuracy:.1f} % → <b>{100 * s.accuracy:.1f} %</b>" in page
        assert f"<td>{s.n}<br>" in page
    assert page.count("<svg") == 2
    assert "heart and vessels" in page
    assert "1:-120,3:0" in page
    assert not re.search(r"<(script|link|img|iframe)|url\(|@import", page)
    assert set(re.findall(r"https?://[^\"' <]+", page)) == {"http://www.w3.org/2000/svg"}


def test_it_has_the_controls_that_were_run_and_runs_none(toy):
    evaluation = toy.evaluate(setting_of([(2, -41.5), (6, -25.0)]))
    assert "The controls were not run" in report(toy, evaluation)
    control, _ = next(run_controls(toy, evaluation.setting))
    page = report(toy, evaluation)
    assert control.name in page
    assert "1 of 5 sets of random features are known so far" in page


def test_what_users_and_data_wrote_stays_text(toy, monkeypatch):
    evaluation = toy.evaluate(setting_of([(3, -7.0)]))
    monkeypatch.setattr(toy.atlas, "name", lambda feature: "<script>alert(1)</script>")
    monkeypatch.setattr(
        toy.results,
        "read",
        lambda setting: Run(
            setting.clamps, [], 1.0, 0.0, name="<b>mine", note="<i>note", hypothesis="a < b"
        ),
    )
    page = report(toy, evaluation)
    assert "<script" not in page
    assert "&lt;b&gt;mine" in page
    assert "&lt;i&gt;note" in page
    assert "a &lt; b" in page


def test_the_scatter_places_the_best_trial_low_and_right():
    trials = [
        Trial(
            Run(setting_of([(i, -5.0)]).clamps, [], 0, 0), Pooled(forget, 100), Pooled(retain, 100)
        )
        for i, (forget, retain) in enumerate([(70, 80), (40, 79)])
    ]
    picture = trials_svg(trials, trials[1].id, Pooled(80, 100))
    (x0, y0, _), (x1, y1, _) = sorted(
        re.findall(r'cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', picture),
        key=lambda dot: float(dot[2]),
    )
    assert float(x1) < float(x0)
    assert float(y1) > float(y0)
    assert "nan" not in picture


def test_the_scatter_draws_a_single_trial():
    trial = Trial(Run((), [], 0, 0), Pooled(0, 10), Pooled(10, 10))
    assert "<svg" in trials_svg([trial], None, Pooled(10, 10))
