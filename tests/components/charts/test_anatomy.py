"""Charts of one question taken apart: every option told apart without colour, names not covered."""

from itertools import pairwise

import pandas as pd
import pytest

from components.charts.anatomy import (
    ALONG,
    DASHES,
    LETTERS,
    Rule,
    apart,
    bars_chart,
    contributions_chart,
    curve_chart,
)

POINTS = pd.DataFrame(
    [
        {"strength": s, "letter": c, "share": share, "off": s < 0, "said": f"{c} at {s}"}
        for s in (-0.18, 0.0, 1.0, 2.0)
        for c, share in zip("ABCD", (0.0, 0.97, 0.01, 0.02), strict=True)
    ]
)


def layers(chart, mark):
    return [one for one in chart["layer"] if one["mark"]["type"] == mark]


@pytest.mark.parametrize("along", ALONG.values(), ids=ALONG)
def test_each_option_has_a_line_a_dash_a_shape_and_its_letter(along):
    chart = curve_chart(POINTS, "B", along, [Rule(1.0, "present", (1, 0), 0)]).to_dict()
    (line,), (dots,) = layers(chart, "line"), layers(chart, "point")
    assert line["encoding"]["strokeDash"]["scale"]["domain"] == list("ABCD")
    assert len(set(dots["encoding"]["shape"]["scale"]["range"])) == 4
    names = [row["name"] for rows in chart["datasets"].values() for row in rows if "level" in row]
    assert sorted(names) == ["A", "B ✓ right", "C", "D"]
    assert len(set(map(tuple, DASHES.values()))) == len({m.colour for m in LETTERS.values()}) == 4


def test_the_answer_without_stands_apart_and_is_called_so():
    chart = curve_chart(POINTS, "B", ALONG["all"], []).to_dict()
    (line,) = layers(chart, "line")
    assert line["transform"] == [{"filter": "!datum.off"}]
    axis = line["encoding"]["x"]["axis"]
    assert axis["values"][0] == -0.18
    assert axis["labelExpr"].startswith("datum.value == -0.18 ? 'without' : ")


@pytest.mark.parametrize("levels", [[0.0, 0.0, 0.01, 0.97], [0.97, 0.98, 0.99, 1.0], [0.2, 0.9]])
def test_names_do_not_cover_each_other_and_stay_within(levels):
    moved = apart(levels, 0.07, 1.0)
    assert all(b - a >= 0.07 - 1e-9 for a, b in pairwise(moved))
    assert max(moved) <= 1.0


def test_a_bar_has_its_share_and_a_mark_of_the_share_without():
    rows = pd.DataFrame([{"option": "A x", "letter": "A", "share": 0.2, "before": 0.9, "said": ""}])
    chart = bars_chart(rows).to_dict()
    fields = [one["encoding"]["x"]["field"] for one in chart["layer"]]
    assert fields == ["share", "before"]


def test_a_contribution_shows_its_sign_also_as_text():
    rows = pd.DataFrame(
        [
            {"feature": "1", "gives": 0.2, "sign": "+", "text": "+0.20", "said": ""},
            {"feature": "2", "gives": -0.1, "sign": "−", "text": "−0.10", "said": ""},
        ]
    )
    chart = contributions_chart(rows, "given back").to_dict()
    texts = layers(chart, "text")
    assert [one["encoding"]["text"]["field"] for one in texts] == ["text", "text"]
    low, high = layers(chart, "bar")[0]["encoding"]["x"]["scale"]["domain"]
    assert low < -0.1 and high > 0.2
