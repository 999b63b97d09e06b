"""Who wins: the setting on the board beside its rivals, in sentences."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.evaluation.beside import Beside
from backend.evaluation.evaluate import Evaluation
from components.wording import plain


def draw_beside(found: Sequence[Beside], coming: bool = False) -> None:
    """One sentence for each family of settings that was tried; `coming`: one is about to be."""
    if not found:
        if not coming:
            st.caption(
                "No rival was run yet. Put one on the board from “Rivals”, above: then it is said "
                "here which forgets more at the same cost."
            )
        return
    with st.expander(f"Against the rivals: {len(found)} kinds", icon=":material/compare_arrows:"):
        st.markdown("\n".join(f"* {plain(beside.in_words())}" for beside in found))
        st.caption(
            "Of each kind the one is taken that forgets most on the selection half and costs no "
            "more there than this setting; what is said is over the held-out half, with 95 % "
            "intervals. A setting chosen with an eye on all questions is flattered by it."
        )


def say_meeting(place: DeltaGenerator, evaluation: Evaluation) -> None:
    """How far the shipped RMU is, which runs once by itself."""
    done, n = int(evaluation.done.sum()), int(evaluation.affected.sum())
    place.caption(f"The shipped RMU is run beside it, once: {done} of {n} questions…")
