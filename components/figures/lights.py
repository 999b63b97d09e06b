"""The validity lights, in words: what was checked, what it means, what to try."""

import html
from collections.abc import Sequence

import streamlit as st

from backend.evaluation.light import Light, passed
from components.charts.palette import FORGET


def draw_lights(lights: Sequence[Light]) -> None:
    st.markdown(f"**Can this be trusted?** {passed(lights)}.")
    st.html(lights_html(lights))


def lights_html(lights: Sequence[Light]) -> str:
    """One line a check, told apart by word and sign: those that need a look first, and those that
    passed behind one line.
    """
    first = [light for light in lights if light.ok is False]
    first += [light for light in lights if light.ok is None]
    fine = [light for light in lights if light.ok]
    names = html.escape(", ".join(light.name.lower() for light in fine))
    folded = (
        f'<details style="{LINE}"><summary style="cursor:pointer"><b>✓ ok</b> · {names}</summary>'
        f'<div style="padding-left:1rem">{"".join(map(_light, fine))}</div></details>'
    )
    return "".join(map(_light, first)) + (folded if fine else "")


LINE = (
    "border-left:1px solid rgba(128,128,128,.4);padding:.15rem 0 .15rem .6rem;margin:.25rem 0;"
    "font-size:.9rem"
)


def _light(light: Light) -> str:
    mark = {True: "✓ ok", None: "? not run", False: "! look"}[light.ok]
    edge = f";border-left:4px solid {FORGET}" if light.ok is False else ""
    return (
        f'<details style="{LINE}{edge}">'
        f'<summary style="cursor:pointer"><b>{mark}</b> · '
        f"{html.escape(light.name)}: {html.escape(light.finding)}</summary>"
        f'<div style="padding:.2rem 0 .3rem 1rem">{html.escape(light.meaning)} '
        f"<b>What to try:</b> {html.escape(light.advice)}</div></details>"
    )
