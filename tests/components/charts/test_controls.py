import pandas as pd

from components.charts.controls import controls_chart


def effects(*groups):
    return pd.DataFrame(
        [
            {
                "group": group,
                "name": name,
                "role": role,
                "change": -1.0,
                "low": -2.0,
                "high": 0.0,
                "n": 9,
            }
            for group, name in groups
            for role in ("forget", "retain")
        ]
    )


EFFECTS = effects(
    ("these features", "these features"),
    ("random features", "random features 1"),
    ("random features", "random features 2"),
    ("ablation", "ablation"),
)


def test_lines_come_in_the_order_of_the_effects_each_group_once():
    layers = controls_chart(EFFECTS).to_dict()["layer"]
    orders = [
        layer["encoding"]["y"]["sort"]
        for layer in layers
        if "sort" in layer["encoding"].get("y", {})
    ]
    assert orders == [["these features", "random features", "ablation"]] * 2


def test_the_users_own_mark_is_the_largest():
    layers = controls_chart(EFFECTS).to_dict()["layer"]
    size = next(layer["encoding"]["size"] for layer in layers if "size" in layer["encoding"])
    assert size["condition"]["test"] == "(datum.group === 'these features')"
    assert size["condition"]["value"] > size["value"]


def test_roles_are_told_apart_by_more_than_colour():
    layers = controls_chart(EFFECTS).to_dict()["layer"]
    shape = next(layer["encoding"]["shape"] for layer in layers if "shape" in layer["encoding"])
    assert len(set(shape["scale"]["range"])) == 2
