"""Text in charts can be read on light and dark, wherever it stands."""

import json
import re
import tomllib

import altair as alt
import pandas as pd
import pytest
import vl_convert

from backend.store import ROOT
from components.charts.palette import luminance
from components.charts.theme import ON_DARK, ON_LIGHT, text_colour

GROUNDS = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("look", "colour"), [("light", ON_LIGHT), ("dark", ON_DARK)])
def test_labels_titles_legends_and_marks_have_the_text_colour_of_the_ground(look, colour):
    rows = pd.DataFrame({"x": [1, 2], "y": ["a", "b"], "f": ["p", "q"]})
    chart = alt.Chart(rows).encode(x="x:Q", y="y:N", color="f:N").mark_point()
    words = alt.Chart(rows).encode(x="x:Q", y="y:N", text="y:N").mark_text(color=text_colour())
    spec = (chart + words).to_dict()
    ground = GROUNDS[look]["backgroundColor"]
    spec["config"]["background"] = ground  # as Streamlit does
    svg = vl_convert.vegalite_to_svg(json.dumps(spec))
    fills = set(re.findall(r'<text[^>]*fill="([^"]+)"', svg))
    assert fills == {colour}
    assert contrast(colour, ground) >= 4.5
