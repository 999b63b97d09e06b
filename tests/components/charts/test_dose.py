import pandas as pd

from components.charts.dose import dose_curves

ROWS = pd.DataFrame(
    [
        {
            "multiple": multiple,
            "role": role,
            "accuracy": 60.0 + multiple,
            "low": 50.0,
            "high": 70.0,
            "baseline": 65.0,
            "said": "x",
        }
        for multiple in (-5.0, 0.0)
        for role in ("forget", "retain")
    ]
)


def layers(rows):
    return dose_curves(rows, 0.25).to_dict()["layer"]


def test_roles_are_told_apart_by_more_than_colour():
    channels = {channel for layer in layers(ROWS) for channel in layer["encoding"]}
    assert {"strokeDash", "shape", "text"} <= channels


def test_chance_is_drawn_where_an_interval_comes_near_it():
    assert len(layers(ROWS.assign(low=30.0))) == len(layers(ROWS)) + 1
