"""A chart and its SVG."""

import re
from xml.etree import ElementTree

import altair as alt
import pandas as pd
from streamlit.testing.v1 import AppTest

from components.charts.theme import ON_LIGHT
from components.pictures import WIDTH, svg_of


def chart(n=3):
    rows = pd.DataFrame({"x": range(n), "name": [f"<{i}> & é" for i in range(n)]})
    return alt.Chart(rows).mark_point().encode(x="x:Q", y="name:N")


def test_the_svg_has_every_point_and_every_word_on_white():
    svg = svg_of(chart())
    root = ElementTree.fromstring(svg)
    marks = root.findall(".//{http://www.w3.org/2000/svg}path[@aria-roledescription='point']")
    assert len(marks) == 3
    assert {"<0> & é", "<1> & é", "<2> & é"} <= set(root.itertext())
    assert float(root.get("width")) > WIDTH
    assert set(re.findall(r'<text[^>]*fill="([^"]+)"', svg)) == {ON_LIGHT}


def test_a_chart_of_many_rows_is_drawn_too():
    assert svg_of(chart(6000).encode(y=alt.Y("x:Q"))).count('aria-roledescription="point"') == 6000


def test_charts_side_by_side_keep_their_widths():
    side_by_side = alt.hconcat(chart().properties(width=90), chart().properties(width=90))
    assert float(ElementTree.fromstring(svg_of(side_by_side)).get("width")) < WIDTH


def test_what_a_chart_says_itself_wins():
    svg = svg_of(chart().configure_axis(labelColor="#123456"))
    assert "#123456" in svg


def script(chart, name):
    from components.pictures import show_chart

    show_chart(chart, name, alt="Three points")


def test_a_button_below_keeps_it_under_its_name():
    at = AppTest.from_function(script, args=(chart(), "points")).run()
    assert [b.proto.label for b in at.get("download_button")] == ["SVG"]
    assert len(at.main[0].children) == 2


def test_a_chart_that_grows_has_none():
    at = AppTest.from_function(script, args=(chart(), None)).run()
    assert not at.get("download_button")
