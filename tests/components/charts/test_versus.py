"""A against B, set by set."""

from backend.evaluation.versus import Versus, together
from backend.statistics import paired_change
from components.charts.versus import versus_chart

ROWS = [
    Versus("Bio", "forget", 10, 0.8, 0.5, 4, 1, paired_change(4, 1, 10)),
    Versus("Art", "retain", 5, 0.6, 0.6, 0, 0, paired_change(0, 0, 5)),
    Versus("Law", "retain", 5, 0.4, 0.8, 0, 2, paired_change(0, 2, 5)),
]


def test_roles_come_first_and_then_each_set_with_its_interval_and_a_line_at_none():
    chart = versus_chart(together(ROWS), ROWS).to_dict()
    rows = max(chart["datasets"].values(), key=len)
    assert [row["set"] for row in rows] == [
        "all forget",
        "all retain",
        "Bio (forget)",
        "Art (retain)",
        "Law (retain)",
    ]
    assert [round(row["change"], 1) for row in rows] == [-30.0, 20.0, -30.0, 0.0, 40.0]
    assert all(row["low"] <= row["change"] <= row["high"] for row in rows)
    assert (rows[0]["a"], rows[1]["b"], rows[1]["short"]) == ("80.0 %", "70.0 %", "+20.0")
    assert [{"x": 0.0}] in chart["datasets"].values()
