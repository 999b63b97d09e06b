"""The validity lights, in words: what was checked, what it means, what to try."""

import html
from collections.abc import Sequence

import streamlit as st

from backend.evaluation.lights import Light


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
    mark, edge = (
        ("✓ ok", "1px solid rgba(128,128,128,.4)") if light.ok else ("! look", "4px solid #d95f02")
    )
    return (
        f'<details {"" if light.ok else "open"} style="border-left:{edge};padding:.15rem 0 .15rem'
        f' .6rem;margin:.25rem 0;font-size:.9rem"><summary style="cursor:pointer"><b>{mark}</b> ·'
        f" {html.escape(light.name)}: {html.escape(light.finding)}</summary><div"
        f' style="padding:.2rem 0 .3rem 1rem">{html.escape(light.meaning)} <b>What to try:</b>'
        f" {html.escape(light.advice)}</div></details>"
    )
