import pandas as pd

from components.charts.feature import activation_histogram, density_bars


def test_a_histogram_leaves_empty_bars_out():
    bars = pd.DataFrame({"from": [0.0, 1.0], "to": [1.0, 2.0], "tokens": [3, 0]})
    chart = activation_histogram(bars).to_dict()
    (rows,) = chart["datasets"].values()
    assert chart["mark"]["type"] == "bar"
    assert rows == [{"from": 0.0, "to": 1.0, "tokens": 3}]


def test_density_bars_say_their_figures_in_words():
    rows = pd.DataFrame(
        [
            {"corpus": "a", "role": "forget", "density": 1.0, "said": "1.000 %: 10 of 1,000"},
            {"corpus": "b", "role": "retain", "density": 0.0, "said": "0.000 %: 0 of 900"},
        ]
    )
    bars, words = density_bars(rows).to_dict()["layer"]
    assert bars["mark"]["type"] == "bar"
    assert words["encoding"]["text"]["field"] == "said"
