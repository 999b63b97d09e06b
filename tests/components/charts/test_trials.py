import pandas as pd

from backend.evaluation.history import Pooled, Trial, trial_table
from backend.evaluation.results import Run
from backend.interventions.edit import clamp_set
from components.charts.trials import trials_chart
from components.runs.trials import trial_lines, trial_names


def drawn(published=None):
    trials = [
        Trial(Run(clamp_set([(i, -5.0)]), [], 0, 0), Pooled(forget, 100), Pooled(retain, 100))
        for i, (forget, retain) in enumerate([(70, 80), (40, 79), (60, 50)])
    ]
    table = trial_table(trials, {t.id: f"run {i}" for i, t in enumerate(trials)})
    return trials, trials_chart(table, trials[1].id, 80.0, published).to_dict()


def test_dots_carry_their_intervals_the_front_and_which_is_now():
    trials, chart = drawn()
    rows = max(chart["datasets"].values(), key=len)
    by_id = {row["id"]: row for row in rows}
    assert [by_id[t.id]["state"] for t in trials] == ["tried", "now", "tried"]
    assert [by_id[t.id]["front"] for t in trials] == [True, True, False]
    now = by_id[trials[1].id]
    assert (
        now["forget_low"] < now["forget"] == 40 < now["forget_high"]
        and now["retain_low"] < 79 < now["retain_high"]
    )


def test_the_line_of_99_percent_and_published_points():
    _, chart = drawn(pd.DataFrame({"name": ["RMU"], "forget": [30.0], "retain": [78.0]}))
    rows = [row for data in chart["datasets"].values() for row in data]
    assert any(row.get("x") == 0.99 * 80 for row in rows) and any(
        row.get("name") == "RMU" for row in rows
    )
    assert chart["params"][0]["name"] == "run"


def test_no_two_trials_have_the_same_line():
    trials = [
        Trial(Run(clamp_set([(i, -5.0), (9, 1.0)]), [], 0, 0), Pooled(1, 2), Pooled(1, 2))
        for i in range(4)
    ]
    names = trial_names(trials, str, {})
    assert trial_names(trials, str, {trials[1].run.clamps: "Mine"})[trials[1].id] == "Mine"
    assert (
        set(names.values()) == {"2 features"} and len(set(trial_lines(trials, names).values())) == 4
    )
