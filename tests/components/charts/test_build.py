import pandas as pd

from components.charts.build import build_chart, text_chart

STEPS = pd.DataFrame(
    [
        {
            "n": n,
            "role": role,
            "accuracy": accuracy,
            "low": accuracy - 5,
            "high": accuracy + 5,
            "baseline": baseline,
            "said": "",
        }
        for n in (1, 2, 3)
        for role, accuracy, baseline in (("forget", 70.0 - n, 70.0), ("retain", 80.0, 81.0))
    ]
)
TEXT = pd.DataFrame({"n": [1, 3], "text_added": [0.001, 0.004]})


def layers(best=None):
    return build_chart(STEPS, best).to_dict()["layer"]


def of(kind, best=None):
    return [layer for layer in layers(best) if layer["mark"]["type"] == kind]


def test_roles_are_told_apart_by_dash_and_shape_and_named():
    (line,), (dots,) = of("line"), of("point")
    assert line["encoding"]["strokeDash"]["field"] == "role"
    assert dots["encoding"]["shape"]["field"] == "role"
    assert [layer["encoding"]["text"]["field"] for layer in of("text")] == ["role"]


def test_a_dot_is_selected_by_its_number_of_features():
    (parameter,) = build_chart(STEPS).to_dict()["params"]
    assert parameter["name"] == "n"
    assert parameter["select"]["fields"] == ["n"]


def test_the_chosen_number_stands_on_the_chart_in_words():
    chart = build_chart(STEPS, 2).to_dict()
    rows = [row for data in chart["datasets"].values() for row in data]
    assert {"n": 2, "what": "chosen: 2"} in rows
    assert len(of("rule", 2)) == len(of("rule")) + 1


def test_both_panels_go_over_the_same_numbers():
    domains = {
        str(layer["encoding"]["x"]["scale"]["domain"])
        for chart in (build_chart(STEPS), text_chart(TEXT, 3))
        for layer in chart.to_dict()["layer"]
        if "scale" in layer["encoding"].get("x", {})
    }
    assert domains == {"[1, 3]"}


def test_one_feature_alone_has_an_axis_all_the_same():
    alone = STEPS[STEPS["n"] == 1]
    x = build_chart(alone).to_dict()["layer"][0]["encoding"]["x"]
    assert x["scale"]["domain"] == [1, 2]


def test_no_loss_added_is_a_line_of_its_own():
    none = text_chart(TEXT, 3).to_dict()
    assert [{"y": 0.0}] in none["datasets"].values()
