import pandas as pd

from components.charts.sweep import sweep_chart, with_room

POINTS = pd.DataFrame(
    [
        {
            "features": features,
            "multiple": multiple,
            "strength": f"{multiple:g}x",
            "forget": 50.0,
            "forget_low": 40.0,
            "forget_high": 60.0,
            "retain": 80.0,
            "retain_low": 70.0,
            "retain_high": 90.0,
            "baseline_forget": 70.0,
            "baseline_retain": 85.0,
        }
        for features in ("1 feature", "10 features")
        for multiple in (-2.0, -8.0)
    ]
)


def layers():
    tried = pd.DataFrame({"forget": [60.0], "retain": [81.0]})
    return sweep_chart(POINTS, POINTS.head(1), tried).to_dict()["layer"]


def test_a_line_joins_the_strengths_of_one_number_of_features():
    line = next(layer for layer in layers() if layer["mark"]["type"] == "line")
    assert line["encoding"]["color"]["field"] == "features"
    assert line["encoding"]["order"]["field"] == "multiple"


def test_numbers_of_features_are_told_apart_by_more_than_colour():
    assert any(layer["encoding"].get("shape", {}).get("field") == "features" for layer in layers())


def test_the_present_setting_stands_out_by_its_shape():
    shapes = [layer["mark"].get("shape") for layer in layers()]
    assert shapes.count("diamond") == 1
    assert shapes.count("square") == 1


def test_a_label_that_would_lie_on_another_is_left_out():
    points = POINTS.assign(retain=[80.0, 80.1, 60.0, 80.0], forget=[50.0, 50.1, 50.0, 20.0])
    assert with_room(points).index.tolist() == [0, 2, 3]


def test_what_was_tried_before_does_not_widen_the_axes():
    def domain(tried):
        chart = sweep_chart(
            POINTS, POINTS.head(1), pd.DataFrame({"forget": [60.0], "retain": [tried]})
        )
        return next(
            layer["encoding"]["x"]["scale"]["domain"]
            for layer in chart.to_dict()["layer"]
            if layer["mark"]["type"] == "line"
        )

    assert domain(81.0) == domain(5.0)
