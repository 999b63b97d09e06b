"""A direction's dose curve: what is known of it, and the rest when it is asked for."""

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import showcase
from backend.engine.engine import Engine
from backend.experiments.dose import STRENGTHS, rival_dose
from backend.interventions.method import Setting
from backend.interventions.rival import Rival
from components.charts import dose as chart
from components.figures.dose import GrowingCurve
from components.values import Work


def draw_strengths(engine: Engine, rival: Rival, work: Work) -> DeltaGenerator:
    """The curve through what was finished, and a button for the strengths that were not. `work` is
    wanted for the rival at strength 1. Returns the curve's place.
    """
    place = st.empty()
    known = finished(engine, rival)
    if len(known) > 1:
        curve = GrowingCurve(place, len(known), chart.STRENGTHS)
        for dose in rival_dose(engine, rival, known):
            curve.add(dose)
    missing = [strength for strength in STRENGTHS if strength not in known]
    if showcase.is_on() or not missing:
        return place
    if work.wanted == of_strength_1(rival):
        st.button(
            "Stop", icon=":material/stop:", key="strengths_stop", on_click=work.ask, args=(None,)
        )
    else:
        st.button(
            f"Run {len(missing)} strength{'s' if len(missing) > 1 else ''}",
            icon=":material/show_chart:",
            key="strengths_run",
            on_click=work.ask,
            args=(of_strength_1(rival),),
            help=f"Strengths {', '.join(f'{s:g}' for s in sorted(missing))}, as a curve.",
        )
    return place


def run_strengths(engine: Engine, rival: Rival, place: DeltaGenerator, work: Work) -> None:
    """The curve's other strengths, if they are wanted; call it last."""
    if work.wanted != of_strength_1(rival) or showcase.is_on():
        return
    wanted = dict.fromkeys((*finished(engine, rival), *STRENGTHS))
    curve = GrowingCurve(place, len(wanted), chart.STRENGTHS)
    for dose in rival_dose(engine, rival, wanted, curve.on_partial, curve.on_wait):
        curve.add(dose)
    work.ask(None)
    st.rerun()


def finished(engine: Engine, rival: Rival) -> list[float]:
    """The strengths that are known, of those of the curve and the rival's own."""
    return [
        strength
        for strength in dict.fromkeys((*STRENGTHS, rival.strength))
        if engine.finished(Setting(rival=replace(rival, strength=strength))) is not None
    ]


def of_strength_1(rival: Rival) -> Rival:
    """What curves are told apart by."""
    return replace(rival, strength=1.0)
