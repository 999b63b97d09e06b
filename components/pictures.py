"""A chart on a page, with a way to keep it as SVG; Streamlit's own toolbar above it keeps a PNG."""

import json
from collections.abc import Callable
from typing import Any

import altair as alt
import streamlit as st
from streamlit.elements.vega_charts import _altair_globals_lock

from backend.errors import Unavailable
from backend.sharing.lettering import FAMILY

WIDTH = 760
"""Pixels of a chart that takes the page's width."""
GROUND = "#ffffff"
STYLE: dict[str, Any] = {
    "font": FAMILY,
    "background": GROUND,
    "padding": 12,
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "gridColor": "#dfe1e4",
        "domain": False,
        "ticks": False,
    },
    "legend": {"labelFontSize": 12, "titleFontSize": 13, "titleFontWeight": "normal"},
}
"""As Streamlit draws a chart on light; what the chart says itself wins."""


def show_chart(chart: alt.TopLevelMixin, name: str | None, **how: Any) -> Any:
    """`st.altair_chart` over the page's width, with a button below that keeps it as NAME.svg.

    `name` is one of its own on its page; None for a chart that still grows, which is drawn several
    times in one run and has no button. `how` and what is returned are `st.altair_chart`'s.
    """
    with st.container(gap=None):
        draw: Any = st.altair_chart  # its overloads cannot be passed on
        event = draw(chart, **{"width": "stretch", **how})
        if name is not None:
            st.download_button(
                "SVG",
                _making(chart),
                f"{name}.svg",
                "image/svg+xml",
                key=f"svg_{name}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
                help="This chart as SVG, for a paper. Its own toolbar has it as PNG.",
            )
    return event


def _making(chart: alt.TopLevelMixin) -> Callable[[], str]:
    return lambda: svg_of(chart)


def svg_of(chart: alt.TopLevelMixin) -> str:
    """The chart on white. Raises Unavailable without vl-convert."""
    try:
        import vl_convert  # slow to import, and wanted for this alone
    except ImportError as error:
        raise Unavailable(
            "Charts as SVG need vl-convert: pip install vl-convert-python, or take the PNG from "
            "the chart's toolbar."
        ) from error
    spec = _spec(chart)
    if not {"hconcat", "vconcat", "concat", "facet", "width"} & set(spec):
        spec["width"] = WIDTH
    spec["config"] = _merged(STYLE, spec.get("config", {}))
    return str(vl_convert.vegalite_to_svg(json.dumps(spec, default=str)))


def _spec(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """With its data in it. Altair's ways with data are one for all threads, and Streamlit sets
    another one under this lock whenever it draws.
    """
    with _altair_globals_lock, alt.data_transformers.enable("default", max_rows=None):
        return dict(chart.to_dict())


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Both, level by level; what stands above wins."""
    both = {**below, **above}
    for name in below.keys() & above.keys():
        if isinstance(below[name], dict) and isinstance(above[name], dict):
            both[name] = _merged(below[name], above[name])
    return both
