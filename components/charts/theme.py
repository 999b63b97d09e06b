"""What all charts share: text that can be read on light and dark.

Streamlit lays its own theme below a chart's config, so what stands here wins. Its labels are grey,
3.7 to 1 on white. A chart is drawn once and the reader may switch the page between light and dark,
so the colour is an expression of the chart's ground, which Vega works out where it draws.
"""

from typing import Any

import altair as alt

NAME = "clampboard"
ON_LIGHT = "#4a4f57"
ON_DARK = "#c3c7cd"
INK = f"luminance(background) > 0.18 ? '{ON_LIGHT}' : '{ON_DARK}'"
"""Contrast with the page's grounds (.streamlit/config.toml): 8.2 on light, 10.4 on dark."""


def text_colour() -> alt.ExprRef:
    """The colour of text in a chart, for marks that are text."""
    return alt.ExprRef(INK)


@alt.theme.register(NAME, enable=True)
def _theme() -> alt.theme.ThemeConfig:
    words = {"labelColor": {"expr": INK}, "titleColor": {"expr": INK}}
    config: Any = {"axis": words, "legend": words, "header": words}
    return {"config": config}
