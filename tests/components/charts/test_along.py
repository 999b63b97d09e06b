"""A gate's statistic along a question's tokens, with tau."""

import pandas as pd

from components.charts.along import along_chart
from components.charts.palette import CHANCE_GREY
from components.charts.theme import text_colour

ROWS = pd.DataFrame(
    {
        "sequence": ["with A", "with A", "with B", "with B"],
        "position": [1, 2, 1, 2],
        "token": ["x"] * 4,
        "statistic": [0.0, 0.5, 0.0, 0.1],
        "state": ["open", "open", "closed", "closed"],
    }
)


def layers():
    return along_chart(ROWS, 0.3, "rho").to_dict()["layer"]


def test_each_sequence_is_a_line_and_open_is_told_by_dashes_too():
    lines = layers()[1]["encoding"]
    assert lines["detail"]["field"] == "sequence"
    assert lines["color"]["scale"]["domain"] == lines["strokeDash"]["scale"]["domain"]
    assert lines["strokeDash"]["scale"]["range"] == [[1, 0], [4, 3]]


def test_tau_is_a_line_with_its_name_to_be_seen_on_light_and_dark():
    chart = along_chart(ROWS, 0.3, "rho").to_dict()
    rule, *_, name = chart["layer"]
    assert chart["datasets"][rule["data"]["name"]] == [{"tau": 0.3}]
    assert rule["mark"]["color"] == CHANCE_GREY
    assert name["mark"]["color"] == text_colour().to_dict()
    assert name["encoding"]["text"]["value"] == "tau"
