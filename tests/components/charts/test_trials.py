import pandas as pd

from backend.evaluation.history import Pooled, Trial, trial_table
from backend.evaluation.results import Run
from backend.interventions.method import setting_of
from backend.interventions.rival import Rival
from components.charts.palette import FORGET, KINDS
from components.charts.trials import SWEPT, trials_chart

TRIALS = [
    Trial(Run(setting_of([(i, -5.0)]).clamps, [], 0, 0), Pooled(forget, 100), Pooled(retain, 100))
    for i, (forget, retain) in enumerate([(70, 80), (40, 79), (60, 50)])
]
RMU = Trial(Run((), [], 0, 0, rival=Rival("rmu", "a")), Pooled(30, 100), Pooled(75, 100))
PUBLISHED = pd.DataFrame({"name": ["RMU"], "forget": [30.0], "retain": [78.0]})


def drawn(published=None, trials=TRIALS):
    table = trial_table(trials, {t.id: f"run {i}" for i, t in enumerate(trials)})
    return trials_chart(table, TRIALS[1].id, (70.0, 80.0), published).to_dict()


def dots(chart):
    by_id = {row["id"]: row for row in max(chart["datasets"].values(), key=len)}
    return [by_id[t.id] for t in TRIALS]


def encoded(chart, channel):
    """The scale by which the dots, or published ones, have this channel."""
    layers = [layer for layer in chart["layer"] if "shape" in layer["encoding"]]
    (scale,) = {str(layer["encoding"][channel]["scale"]) for layer in layers}
    return layers[0]["encoding"][channel]["scale"]


def test_the_setting_on_the_board_is_filled():
    (now,) = (layer for layer in drawn()["layer"] if layer["mark"].get("size") == 230)
    assert (now["mark"]["filled"], now["mark"]["color"], now["mark"]["shape"]) == (
        True,
        FORGET,
        "circle",
    )
    assert TRIALS[1].id in str(now["transform"])


def test_a_setting_that_is_not_listed_is_not_filled():
    assert len(drawn(trials=[TRIALS[0]])["layer"]) == len(drawn()["layer"]) - 1


def test_kinds_are_told_apart_by_shape_and_colour_and_named():
    chart = drawn(PUBLISHED, [*TRIALS, RMU])
    named = ["clamps", "RMU", "published"]
    for channel, of in (("shape", "shape"), ("stroke", "colour")):
        scale = encoded(chart, channel)
        assert scale["domain"] == named
        assert scale["range"] == [getattr(KINDS[kind], of) for kind in named]


def test_every_kind_has_a_line_of_its_own():
    chart = drawn(trials=[*TRIALS, RMU])
    (line,) = (layer for layer in chart["layer"] if layer["mark"].get("interpolate"))
    assert line["encoding"]["stroke"]["field"] == "mark"
    rows = chart["datasets"][line["data"]["name"]]
    assert [(row["mark"], row["forget"]) for row in rows] == [
        ("clamps", 70.0),
        ("clamps", 40.0),
        ("RMU", 30.0),
    ]


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
    assert chart["datasets"][chart["layer"][0]["data"]["name"]][0]["name"] == "RMU"
    assert len(chart["layer"]) == len(drawn()["layer"]) + 1


def test_a_dot_can_be_selected():
    assert drawn()["params"][0]["name"] == "run"


FAR = Trial(Run(setting_of([(9, -5.0)]).clamps, [], 0, 0), Pooled(5, 100), Pooled(20, 100))
CLOUD = [
    Trial(
        Run(setting_of([(i, -5.0)]).clamps, [], 0, 0),
        Pooled(65 - i % 5, 100, 5 + i % 5, i % 2),
        Pooled(78 + i % 3, 100),
    )
    for i in range(20, 40)
]


def test_one_far_dot_stands_at_the_edge_with_its_true_figures_and_an_arrow():
    chart = drawn(trials=[*CLOUD, FAR])
    by_id = {row["id"]: row for row in max(chart["datasets"].values(), key=len)}
    far = by_id[FAR.id]
    (low, high) = encoded(chart, "x")["domain"]
    assert (far["retain_at"], far["arrow"]) == (low, "↙")
    assert high - low < 10
    assert far["forget_is"] == "5.0 % (no change)"
    (arrows,) = (layer for layer in chart["layer"] if layer["mark"].get("fontSize") == 17)
    (row,) = chart["datasets"][arrows["data"]["name"]]
    assert row["id"] == FAR.id
    assert all(row["arrow"] == "" for id_, row in by_id.items() if id_ != FAR.id)


def test_a_dot_says_all_that_is_known_of_it():
    chart = drawn(trials=CLOUD)
    (layer,) = (layer for layer in chart["layer"] if "size" in layer["encoding"])
    told = [tip["title"] for tip in layer["encoding"]["tooltip"]]
    assert told == ["setting", "kind", "strength", "forget", "retain", "questions", "when"]
    row = chart["datasets"][layer.get("data", chart.get("data"))["name"]][0]
    assert row["forget_is"].startswith("65.0 % (−5.0 pp [−9.3, −0.7])")
    assert row["n"] == "100 forget, 100 retain"


def test_points_of_sweeps_are_small_pale_and_a_kind_of_their_own():
    chart = drawn(trials=[*TRIALS, CLOUD[0]._replace(swept=True)])
    assert encoded(chart, "shape")["domain"] == ["clamps", SWEPT]
    (layer,) = (layer for layer in chart["layer"] if "size" in layer["encoding"])
    for channel in ("size", "opacity"):
        how = layer["encoding"][channel]
        assert how["condition"]["test"] == "datum.swept"
        assert how["condition"]["value"] < how["value"]
