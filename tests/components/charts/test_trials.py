import pandas as pd

from backend.evaluation.history import Pooled, Trial, trial_table
from backend.evaluation.results import Run
from backend.interventions.method import setting_of
from components.charts.trials import trials_chart

TRIALS = [
    Trial(Run(setting_of([(i, -5.0)]).clamps, [], 0, 0), Pooled(forget, 100), Pooled(retain, 100))
    for i, (forget, retain) in enumerate([(70, 80), (40, 79), (60, 50)])
]
PUBLISHED = pd.DataFrame({"name": ["RMU"], "forget": [30.0], "retain": [78.0]})


def drawn(published=None):
    table = trial_table(TRIALS, {t.id: f"run {i}" for i, t in enumerate(TRIALS)})
    return trials_chart(table, TRIALS[1].id, 80.0, published).to_dict()


def dots(chart):
    by_id = {row["id"]: row for row in max(chart["datasets"].values(), key=len)}
    return [by_id[t.id] for t in TRIALS]


def test_the_setting_on_the_board_is_marked():
    assert [dot["state"] for dot in dots(drawn())] == ["tried", "now", "tried"]


def test_dots_that_no_other_beats_are_on_the_front():
    assert [dot["front"] for dot in dots(drawn())] == [True, True, False]


def test_dots_carry_their_intervals():
    now = dots(drawn())[1]
    assert now["forget_low"] < now["forget"] == 40 < now["forget_high"]
    assert now["retain_low"] < now["retain"] == 79 < now["retain_high"]


def test_a_line_stands_at_99_percent_of_the_retain_accuracy_without_clamps():
    rows = [row for data in drawn()["datasets"].values() for row in data]
    assert any(row.get("x") == 0.99 * 80 for row in rows)


def test_published_results_lie_behind_the_dots():
    chart = drawn(PUBLISHED)
    assert chart["layer"][0]["mark"]["shape"] == "diamond"
    assert chart["datasets"][chart["layer"][0]["data"]["name"]][0]["name"] == "RMU"
    assert len(chart["layer"]) == len(drawn()["layer"]) + 1


def test_a_dot_can_be_selected():
    assert drawn()["params"][0]["name"] == "run"
