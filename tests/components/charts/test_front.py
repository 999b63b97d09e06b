import pandas as pd

from components.charts.front import tried_chart
from components.charts.palette import GATES

MARKS = {"always": GATES["none"], "share": GATES["rho"], "window": GATES["window"]}
TRIED = pd.DataFrame(
    [
        {"number": 1, "kind": "always", "forget": 60.0, "retain": 80.0, "front": True},
        {"number": 2, "kind": "share", "forget": 50.0, "retain": 78.0, "front": True},
        {"number": 3, "kind": "share", "forget": 55.0, "retain": 70.0, "front": False},
    ]
).assign(best=[False, True, False], said="")


def drawn():
    return tried_chart(TRIED, MARKS, 77.0, "costs 3 points", "chosen").to_dict()


def data_of(chart, layer):
    return chart["datasets"][layer["data"]["name"]]


def test_gates_that_were_tried_are_told_apart_by_shape_and_colour():
    dots = next(layer for layer in drawn()["layer"] if "shape" in layer["encoding"])
    for channel, of in (("shape", "shape"), ("stroke", "colour")):
        scale = dots["encoding"][channel]["scale"]
        assert scale["domain"] == ["always", "share"]
        assert scale["range"] == [getattr(MARKS[kind], of) for kind in ("always", "share")]


def test_steps_join_the_front_alone():
    chart = drawn()
    (line,) = (layer for layer in chart["layer"] if layer["mark"].get("interpolate"))
    assert [row["number"] for row in data_of(chart, line)] == [1, 2]


def test_the_limit_is_a_line_with_its_name():
    rows = [row for data in drawn()["datasets"].values() for row in data]
    assert {"x": 77.0, "what": "costs 3 points"} in rows


def test_what_is_chosen_is_filled_in_its_own_shape_and_named():
    chart = drawn()
    (mark,) = (layer for layer in chart["layer"] if layer["mark"].get("filled"))
    assert mark["mark"]["shape"] == GATES["rho"].shape
    assert [row["number"] for row in data_of(chart, mark)] == [2]
    assert any(row.get("what") == "chosen" for row in data_of(chart, chart["layer"][-1]))


def test_a_dot_can_be_selected():
    assert drawn()["params"][0]["select"]["fields"] == ["number"]
