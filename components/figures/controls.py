"""Controls beside the user's own result: is it these features, or just damage?"""

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from jaxtyping import Bool
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from backend.engine.engine import Engine
from backend.evaluation.evaluate import Evaluation, SetResult
from backend.experiments.controls import Control, finished_controls, run_control
from backend.experiments.effects import Effect, compared, control_effect, own_effect
from backend.progress import Progress
from backend.wording import points
from components.charts.controls import controls_chart
from components.messages import showcase_off
from components.pictures import show_chart
from components.progress_bar import in_words, share_done
from components.values import Work


def draw_controls(
    engine: Engine,
    evaluation: Evaluation,
    only: Bool[Tensor, " question"] | None,
    work: Work,
) -> None:
    """What is known of the controls of a complete evaluation, and the rest when it is asked for.

    `work` is wanted for a setting. It is done here, so call it last.
    """
    setting = evaluation.setting
    st.markdown("**Is it these features, or just damage?**")

    def seen(of: Evaluation) -> Evaluation:
        return engine.restrict(of, only)

    found = finished_controls(engine, setting)
    own = own_effect(seen(evaluation))
    effects = [
        control_effect(control, seen(result)) for control, result in found if result is not None
    ]
    missing = [control for control, result in found if result is None]
    place = st.empty()
    _draw(place, own, effects, missing=len(missing))
    if not missing:
        return
    if showcase_off():
        return
    if work.wanted != setting:
        st.button(
            f"Run {len(missing)} controls",
            icon=":material/science:",
            key="controls_run",
            on_click=work.ask,
            args=(setting,),
            help=(
                f"About {len(missing) * evaluation.seconds:.0f} s. "
                "Kept, so that they come at once next time."
            ),
        )
        return
    st.button("Stop", icon=":material/stop:", key="controls_stop", on_click=work.ask, args=(None,))
    bar = st.progress(0.0, "Controls…")
    for i, control in enumerate(missing):
        result = _run(engine, control, bar, i, len(missing))
        effects.append(control_effect(control, seen(result)))
        _draw(place, own, effects, missing=len(missing) - i - 1)
    work.ask(None)
    st.rerun()


def _run(engine: Engine, control: Control, bar: DeltaGenerator, i: int, n: int) -> Evaluation:
    """The control, the i-th of n that run, with its share of the bar."""

    def show(partial: Evaluation) -> None:
        bar.progress((i + share_done(partial)) / n, f"Control {i + 1} of {n}: {control.name}…")

    def wait(progress: Progress) -> None:
        bar.progress(i / n, f"Control {i + 1} of {n}: {in_words(progress)}")

    return run_control(engine, control, show, wait)


def _draw(place: DeltaGenerator, own: Effect, effects: Sequence[Effect], missing: int) -> None:
    with place.container():
        if not effects:
            st.caption(
                "The same push elsewhere: five sets of random features that fire as often, "
                "other directions, and plain ablation. If they forget as much, it is damage."
            )
            return
        show_chart(
            controls_chart(effect_rows([own, *effects])), "controls" if not missing else None
        )
        st.caption(
            "Circles: forget questions. Squares: retain questions. Bands: 95 % intervals. "
            "Each mark of the random features is a set of its own."
        )
        with st.expander(f"The {len(effects)} controls in numbers and words"):
            st.write(compared(own, effects))
            st.dataframe(effect_table([own, *effects]), hide_index=True, width="stretch")
            for line in explained(effects):
                st.caption(line)
        if missing:
            st.caption(f"{missing} controls are not known yet.")


def explained(effects: Sequence[Effect]) -> list[str]:
    """What was done in each control; controls that differ in their draw alone share a line."""
    lines = []
    for how in dict.fromkeys(e.how for e in effects):
        alike = [e for e in effects if e.how == how]
        lines.append(f"{alike[0].kind if len(alike) > 1 else alike[0].name}: {how}")
    return lines


def effect_rows(effects: Sequence[Effect]) -> pd.DataFrame:
    """One row a setting and role, for the chart."""
    return pd.DataFrame(
        [
            {
                "group": e.kind if e.kind.startswith("random") else e.name,
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

    def words(s: SetResult) -> str:
        change = points(s.change_pp, s.ci_low_pp, s.ci_high_pp)
        return f"{change} lost {s.lost}, gained {s.gained}, n {s.n}"

    return pd.DataFrame(
        [{"clamp": e.name, "forget": words(e.forget), "retain": words(e.retain)} for e in effects]
    )
