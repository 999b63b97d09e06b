"""The colours of charts, tables and lit tokens."""

import altair as alt

FORGET = "#d95f02"
RETAIN = "#1b7fbd"
"""FORGET and RETAIN are told apart on light and dark, and by colour-blind eyes; wherever they
stand, the role also stands in words.
"""
CHANCE_GREY = "#888888"
ORANGE = "#ff8c00"
"""Dark orange, as in sae_vis: where a feature fires."""
HIGHLIGHT = "255, 140, 0"
"""ORANGE for rgba(): translucent behind a token, so that the text's own colour reads on light and
dark (contrast at least 4.5).
"""


def role_scale() -> alt.Scale:
    return alt.Scale(domain=["forget", "retain"], range=[FORGET, RETAIN])
