import pandas as pd
import pytest

from components.charts.palette import CHANCE_GREY
from components.charts.study import coloured, fronts_chart, heat_map

CELLS = pd.DataFrame(
    {
        "x": ["−1×", "−8×"],
        "y": ["10", "10"],
        "text": ["60.0", "40.0"],
        "colour": ["#ffffff", "#000000"],
        "ink": ["#000000", "#ffffff"],
        "cell": ["a", "b"],
        "said": "",
    }
)
DOTS = pd.DataFrame(
    {
        "group": ["one", "one", "two"],
        "forget": [60.0, 50.0, 55.0],
        "retain": [80.0, 70.0, 60.0],
        "front": [True, True, False],
        "cell": ["a", "b", "c"],
        "said": "",
    }
)


def test_every_place_has_its_figure_written_in_it():
    squares, figures = heat_map(CELLS, "Strength", "Features", ["−1×", "−8×"], ["10"]).layer
    assert figures.to_dict()["encoding"]["text"]["field"] == "text"
    assert squares.to_dict()["encoding"]["color"] == {
        "field": "colour",
        "scale": None,
        "type": "nominal",
    }


def test_axes_keep_the_order_they_are_given_also_of_what_is_not_done_yet():
    drawn = heat_map(CELLS, "Strength", "Features", ["−8×", "−1×", "−2×"], ["50", "10"]).to_dict()
    encoding = drawn["layer"][0]["encoding"]
    assert encoding["x"]["scale"]["domain"] == ["−8×", "−1×", "−2×"]
    assert encoding["y"]["scale"]["domain"] == ["50", "10"]


@pytest.mark.parametrize(
    "draw", [lambda: heat_map(CELLS, "", "", [], []), lambda: fronts_chart(DOTS)]
)
def test_a_cell_can_be_selected(draw):
    (parameter,) = draw().to_dict()["params"]
    assert (parameter["name"], parameter["select"]["fields"]) == ("cell", ["cell"])


def test_values_are_coloured_from_the_least_to_the_most():
    found = coloured(pd.Series([0.4, 0.6, 0.5], index=[5, 6, 7]), "forget")
    assert list(found.index) == [5, 6, 7]
    assert found["colour"].tolist() == ["#fdf1e7", "#5c2800", "#d95f02"]


@pytest.mark.parametrize(("most", "colour"), [(-20.0, "#08304c"), (20.0, "#5c2800")])
def test_no_change_is_pale_whatever_the_others_are(most, colour):
    found = coloured(pd.Series([0.0, most, -5.0, 5.0]), "change")["colour"].tolist()
    assert found[:2] == ["#f2f0ed", colour]
    assert len(set(found)) == 4


def test_values_that_are_all_the_same_have_a_colour():
    assert coloured(pd.Series([0.5, 0.5]), "retain")["colour"].nunique() == 1
    assert coloured(pd.Series([0.0, 0.0]), "change")["colour"].nunique() == 1


def test_a_line_goes_through_the_front_of_each_group():
    chart = fronts_chart(DOTS).to_dict()
    line = next(layer for layer in chart["layer"] if layer["mark"]["type"] == "line")
    assert line["encoding"]["stroke"]["field"] == "group"
    assert [row["cell"] for row in chart["datasets"][line["data"]["name"]]] == ["a", "b"]


def test_groups_are_told_apart_by_shape_as_well():
    dots = fronts_chart(DOTS).to_dict()["layer"][1]
    assert len(set(dots["encoding"]["shape"]["scale"]["range"])) == 2


def test_published_results_are_grey_crosses_behind():
    theirs = pd.DataFrame({"name": ["RMU"], "forget": [30.0], "retain": [70.0]})
    mark = fronts_chart(DOTS, theirs).to_dict()["layer"][0]["mark"]
    assert (mark["shape"], mark["color"]) == ("cross", CHANCE_GREY)
    assert len(fronts_chart(DOTS, theirs[:0]).layer) == 2
