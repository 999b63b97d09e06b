from dataclasses import replace

import pandas as pd
import pytest

from backend.evaluation.evaluate import SetResult
from backend.evaluation.lights import Light
from backend.experiments.controls import Effect
from backend.experiments.sweep import Point
from backend.statistics import Interval, MeanChange
from components.charts.all import (
    activation_histogram,
    controls_chart,
    density_bars,
    dose_curves,
    dumbbell,
    sweep_chart,
)
from components.figures.board import baseline_html, board_html, signed
from components.figures.controls import effect_rows, effect_table
from components.figures.lights import lights_html
from components.figures.sweep import numbers_in, point_rows

RESULT = SetResult(
    "b",
    "Bio <b>",
    "forget",
    200,
    50,
    50,
    0.7,
    Interval(0.6, 0.8),
    0.5,
    45,
    5,
    -20.0,
    -26.1,
    -13.9,
    1e-8,
    False,
)


def test_dumbbell_holds_both_accuracies_and_the_interval():
    values = dumbbell([RESULT], 0.25).to_dict()["datasets"]
    row = next(r[0] for r in values.values() if "baseline" in r[0])
    assert (row["baseline"], row["clamped"], round(row["low"], 1), round(row["high"], 1)) == (
        70.0,
        50.0,
        43.9,
        56.1,
    )


def test_dumbbell_draws_when_no_set_is_known_yet():
    assert "layer" in dumbbell([replace(RESULT, n_done=0)], 0.25).to_dict()


def test_board_escapes_titles_and_signs_changes():
    markup = board_html([RESULT])
    assert (
        "Bio &lt;b&gt;" in markup
        and "−20.0 pp" in markup
        and "[−26.1, −13.9]" in markup
        and "n = 200, 50 touched" in markup
    )
    assert signed(-0.04) == "0.0" and signed(1.25) in ("+1.2", "+1.3")


def test_without_clamps_the_board_says_how_sure_each_accuracy_is_and_speaks_of_no_change():
    markup = baseline_html([RESULT, replace(RESULT, inconclusive=True)])
    assert (
        "Bio &lt;b&gt;" in markup
        and "<b>70.0%</b> [60.0%, 80.0%]" in markup
        and markup.count("n = 200<") == 2
    )
    assert "→" not in markup and "Lost" not in markup and markup.count("inconclusive") == 1


def test_charts_draw_from_their_tables():
    assert (
        activation_histogram(pd.DataFrame({"from": [0.0], "to": [1.0], "tokens": [3]})).to_dict()[
            "mark"
        ]["type"]
        == "bar"
    )


def test_a_partial_row_never_passes_for_a_finished_one():
    waiting = board_html([replace(RESULT, n_done=0, lost=0, gained=0, change_pp=0.0, accuracy=0.7)])
    assert (
        "not yet known" in waiting
        and "→ <b>…</b>" in waiting
        and "no answer changed" not in waiting
    )
    begun = board_html([replace(RESULT, n_done=20, lost=0, gained=0, change_pp=0.0)])
    assert "20 done" in begun and "no answer changed so far" in begun


def test_a_set_near_chance_says_its_margin():
    weak = replace(RESULT, inconclusive=True)
    assert "margin −0.25 nats [−0.40, −0.10]" in board_html(
        [weak], {"b": MeanChange(-0.25, -0.4, -0.1)}
    )
    assert "margin" not in board_html([RESULT], {"b": MeanChange(-0.25, -0.4, -0.1)})


def test_lights_that_need_a_look_come_first_and_open_and_text_is_escaped():
    markup = lights_html(
        [Light("Fine", True, "a < b", "m", "t"), Light("Odd", False, "<b>", "means", "try this")]
    )
    assert markup.index("Odd") < markup.index("Fine") and markup.count("<details open") == 1
    assert (
        "&lt;b&gt;" in markup and "! look" in markup and "✓ ok" in markup and "try this" in markup
    )


def effects_of(name: str) -> Effect:
    return Effect(name, "how", RESULT, replace(RESULT, role="retain", change_pp=-1.0))


def test_the_random_controls_share_a_line_and_the_users_own_comes_first():
    rows = effect_rows(
        [
            effects_of("these features"),
            effects_of("random features 1"),
            effects_of("random features 2"),
            effects_of("ablation"),
        ]
    )
    assert (
        list(dict.fromkeys(rows["group"])) == ["these features", "random features", "ablation"]
        and len(rows) == 8
    )
    drawn = controls_chart(rows).to_dict()
    assert any(
        layer["encoding"].get("y", {}).get("sort")
        == ["these features", "random features", "ablation"]
        for layer in drawn["layer"]
    )
    assert (
        "−20.0 pp [−26.1, −13.9] lost 45, gained 5, n 200"
        in effect_table([effects_of("these features")])["forget"][0]
    )


def test_a_sweep_is_a_line_for_each_number_of_features():
    points = [Point(n, m, (), RESULT, RESULT) for n in (1, 10) for m in (-2.0, -8.0)]
    rows = point_rows(points)
    assert (
        rows["features"].tolist() == ["1 feature"] * 2 + ["10 features"] * 2
        and rows["forget"].tolist() == [50.0] * 4
    )
    assert (round(rows["forget_low"][0], 1), round(rows["forget_high"][0], 1)) == (43.9, 56.1)
    assert "layer" in sweep_chart(rows, rows.head(1), rows[["forget", "retain"]]).to_dict()


@pytest.mark.parametrize(("text", "numbers"), [("0, -2,−4x  8", [0.0, -2.0, -4.0, 8.0]), ("", [])])
def test_numbers_are_read_as_people_write_them(text, numbers):
    assert numbers_in(text) == numbers


def test_density_bars_say_their_figures_in_words():
    rows = pd.DataFrame(
        [
            {
                "corpus": "a (forget)",
                "role": "forget",
                "density": 1.0,
                "said": "1.000%: 10 of 1,000",
            },
            {"corpus": "b (retain)", "role": "retain", "density": 0.0, "said": "0.000%: 0 of 900"},
        ]
    )
    chart = density_bars(rows).to_dict()
    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["bar", "text"] and chart[
        "layer"
    ][1]["encoding"]["text"]["field"] == "said"


def test_dose_curves_tell_the_roles_by_more_than_colour():
    rows = pd.DataFrame(
        [
            {
                "multiple": m,
                "role": role,
                "accuracy": 60.0 + m,
                "low": 50.0,
                "high": 70.0,
                "baseline": 65.0,
                "said": "x",
            }
            for m in (-5.0, 0.0)
            for role in ("forget", "retain")
        ]
    )
    chart = dose_curves(rows, 0.25).to_dict()
    assert {"strokeDash", "shape", "text"} <= {
        channel for layer in chart["layer"] for channel in layer["encoding"]
    }
    assert (
        len(dose_curves(rows.assign(low=30.0), 0.25).to_dict()["layer"]) == len(chart["layer"]) + 1
    )  # chance, where it is near
