import pandas as pd

from components.charts.tuning import objective_chart, path_chart

MOVES = pd.DataFrame(
    {
        "step": [0, 1, 2, 3],
        "forget": [60.0, 55.0, 50.0, 52.0],
        "retain": [80.0, 79.0, 78.0, 78.5],
        "baseline_forget": 70.0,
        "baseline_retain": 82.0,
        "loss": [1.0, 0.9, 0.7, 0.8],
        "said": "",
    }
)


def named(moves, best=None):
    """What stands at which step."""
    chart = path_chart(moves, best).to_dict()
    data = next(d for d in chart["datasets"].values() if "what" in d[0])
    return {row["what"]: row["step"] for row in data}


def test_a_line_goes_through_the_steps_in_their_order():
    line = next(
        layer for layer in path_chart(MOVES).to_dict()["layer"] if layer["mark"]["type"] == "line"
    )
    assert line["encoding"]["order"]["field"] == "step"


def test_the_beginning_the_last_step_and_the_chosen_one_are_named():
    assert named(MOVES) == {"begin": 0, "step 3": 3}
    assert named(MOVES, 2) == {"begin": 0, "step 3": 3, "chosen: 2": 2}


def test_a_step_is_named_once():
    assert named(MOVES, 3) == {"begin": 0, "chosen: 3": 3}
    assert named(MOVES.head(1)) == {"begin": 0}
    assert named(MOVES, 0) == {"begin, chosen": 0, "step 3": 3}


def test_what_stands_in_one_place_shares_its_name():
    still = MOVES.assign(forget=60.0, retain=80.0)
    assert named(still, 2) == {"begin, chosen: 2, step 3": 3}


def test_the_axes_hold_all_steps_and_the_model_without_clamps_also_where_nothing_moves():
    still = MOVES.head(1).assign(retain=82.0)
    scales = path_chart(still).to_dict()["layer"][1]["encoding"]
    assert scales["x"]["scale"]["domain"] == [81.0, 83.0]
    assert scales["y"]["scale"]["domain"] == [59.0, 71.0]


def test_the_model_without_clamps_is_a_square():
    shapes = [layer["mark"].get("shape") for layer in path_chart(MOVES).to_dict()["layer"]]
    assert shapes.count("square") == 1


def test_a_step_can_be_selected():
    assert path_chart(MOVES).to_dict()["params"][0]["name"] == "step"


def test_the_chosen_step_is_marked_on_the_objective():
    chart = objective_chart(MOVES, 2).to_dict()
    mark = chart["layer"][-1]
    assert mark["mark"]["shape"] == "diamond"
    assert [row["loss"] for row in chart["datasets"][mark["data"]["name"]]] == [0.7]
    nothing = objective_chart(MOVES).to_dict()
    assert nothing["datasets"][nothing["layer"][-1]["data"]["name"]] == []
