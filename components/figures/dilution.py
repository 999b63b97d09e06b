"""Does the gate still open when a question stands in other text? Tried when the user asks."""

from collections.abc import Callable

import streamlit as st

from backend.engine.engine import Engine
from backend.experiments.dilution import N_NEUTRAL, SAMPLE, Dilution, dilute
from backend.interventions.method import Setting
from components.messages import show_problem, showcase_off
from components.progress_bar import saying
from components.values import Work


def draw_dilution(
    engine: Engine,
    setting: Setting,
    work: Work,
    kept: Callable[[Callable[[], Dilution]], Dilution],
) -> None:
    """`work` is wanted for a setting; `kept` hands back what was made for this setting, or makes
    it.
    """
    if work.wanted != setting:
        if not showcase_off():
            st.button(
                f"Try {SAMPLE} open questions with {N_NEUTRAL} tokens of other text before them",
                icon=":material/water_drop:",
                key="dilution_run",
                on_click=work.ask,
                args=(setting,),
                help="What a share of all tokens counts, more text thins out. Some seconds.",
            )
        return
    waiting = st.empty()
    with show_problem():
        found = kept(lambda: dilute(engine, setting, on_progress=saying(waiting)))
        waiting.empty()
        st.caption(found.in_words())
