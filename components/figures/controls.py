"""Controls beside the user's own result: is it these features, or just damage?"""

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from jaxtyping import Bool
from torch import Tensor

from backend.engine.engine import Engine
from backend.evaluation.evaluate import Evaluation
from backend.experiments.controls import Effect, effect, finished_controls, run_control, verdict
from components import state
from components.charts.all import controls_chart
from components.figures.board import signed

OWN = "these features"
WORK = "controls"


def draw_controls(
    engine: Engine, evaluation: Evaluation, only: Bool[Tensor, " question"] | None
) -> None:
    """What is known of the controls of a complete evaluation; runs the rest when asked to, so call
    it last.
    """
    clamps = evaluation.clamps
    st.markdown("**Is it these features, or just damage?**")

    def seen(name: str, how: str, of: Evaluation) -> Effect:
        return effect(name, how, of if only is None else engine.restrict(of, only))

    known = finished_controls(engine, clamps)
    own = seen(OWN, "", evaluation)
    effects = [
        seen(control.name, control.how, result) for control, result in known if result is not None
    ]
    missing = [control for control, result in known if result is None]
    place = st.empty()
    _draw(place, own, effects, missing=len(missing))
    if not missing:
        return
    if not state.asked(WORK, clamps):
        st.button(
            f"Run {len(missing)} controls",
            icon=":material/science:",
            key="controls_run",
            on_click=state.ask,
            args=(WORK, clamps),
            help=(
                f"About {len(missing) * evaluation.seconds:.0f} s. Kept, so that they come at once"
                " next time."
            ),
        )
        return
    st.button(
        "Stop", icon=":material/stop:", key="controls_stop", on_click=state.ask, args=(WORK, None)
    )
    bar = st.progress(0.0, "Controls…")
    for i, control in enumerate(missing):

        def show(partial: Evaluation, i: int = i, name: str = control.name) -> None:
            share = float(partial.done.sum()) / max(1, int(partial.affected.sum()))
            bar.progress((i + share) / len(missing), f"Control {i + 1} of {len(missing)}: {name}…")

        result = run_control(engine, control, show)
        effects.append(seen(control.name, control.how, result))
        _draw(place, own, effects, missing=len(missing) - i - 1)
    state.ask(WORK, None)
    st.rerun()


def _draw(place, own: Effect, effects: Sequence[Effect], missing: int) -> None:
    with place.container():
        if not effects:
            st.caption(
                "The same push elsewhere: five sets of random features that fire as often, other"
                " directions, and plain ablation. If they forget as much, it is damage."
            )
            return
        st.write(verdict(own, effects))
        rows = effect_rows([own, *effects])
        st.altair_chart(controls_chart(rows), width="stretch")
        st.caption(
            "Circles: forget questions. Squares: retain questions. Bands: 95 % intervals. Each mark"
            " of the random features is a set of its own."
        )
        with st.expander(f"The {len(effects)} controls in numbers"):
            st.dataframe(effect_table([own, *effects]), hide_index=True, width="stretch")
            for how in dict.fromkeys(e.how for e in effects):
                names = [e.name for e in effects if e.how == how]
                st.caption(f"{names[0].rstrip('12345 ') if len(names) > 1 else names[0]}: {how}")
        if missing:
            st.caption(f"{missing} controls are not known yet.")


def effect_rows(effects: Sequence[Effect]) -> pd.DataFrame:
    """One row a setting and role, for the chart."""
    return pd.DataFrame(
        [
            {
                "group": "random features" if e.name.startswith("random features") else e.name,
                "name": e.name,
                "role": role,
                "change": s.change_pp,
                "low": s.ci_low_pp,
                "high": s.ci_high_pp,
                "n": s.n,
            }
            for e in effects
            for role, s in (("forget", e.forget), ("retain", e.retain))
        ]
    )


def effect_table(effects: Sequence[Effect]) -> pd.DataFrame:
    """The same in words."""

    def words(s) -> str:
        return (
            f"{signed(s.change_pp)} pp [{signed(s.ci_low_pp)}, {signed(s.ci_high_pp)}] lost"
            f" {s.lost}, gained {s.gained}, n {s.n}"
        )

    return pd.DataFrame(
        [{"clamp": e.name, "forget": words(e.forget), "retain": words(e.retain)} for e in effects]
    )
