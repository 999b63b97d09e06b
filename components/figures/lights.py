"""The validity lights, in words: what was checked, what it means, what to try."""

import html
from collections.abc import Sequence

import streamlit as st

from backend.evaluation.lights import Light
from components.charts.palette import FORGET


def draw_lights(lights: Sequence[Light]) -> None:
    to_look = sum(not light.ok for light in lights)
    st.markdown(
        f"**Can this be trusted?** {len(lights) - to_look} of {len(lights)} checks passed."
        + (" Look at the others first." if to_look else "")
    )
    st.html(lights_html(lights))


def lights_html(lights: Sequence[Light]) -> str:
    """One line a check, those that need a look first and open; told apart by word and sign."""
    return "".join(_light(light) for light in sorted(lights, key=lambda light: light.ok))


def _light(light: Light) -> str:
    if light.ok:
        mark, edge, is_open = "✓ ok", "1px solid rgba(128,128,128,.4)", ""
    else:
        mark, edge, is_open = "! look", f"4px solid {FORGET}", "open"
    return (
        f'<details {is_open} style="border-left:{edge};padding:.15rem 0 .15rem .6rem;'
        'margin:.25rem 0;font-size:.9rem">'
        f'<summary style="cursor:pointer"><b>{mark}</b> · '
        f"{html.escape(light.name)}: {html.escape(light.finding)}</summary>"
        f'<div style="padding:.2rem 0 .3rem 1rem">{html.escape(light.meaning)} '
        f"<b>What to try:</b> {html.escape(light.advice)}</div></details>"
    )
