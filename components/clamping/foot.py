"""The foot of the clamp page: what was tried, the way back to it, and what is expected of the next
setting.
"""

import streamlit as st
from jaxtyping import Bool
from torch import Tensor

from backend.data.published import published_points
from backend.engine.engine import Engine
from backend.evaluation.history import board_of_run
from backend.evaluation.results import Run
from backend.interventions.board import write_link
from backend.interventions.edit import Clamps
from components import state
from components.runs.trials import draw_chart, trial_lines, trial_names


def draw_foot(
    engine: Engine, clamps: Clamps, only: Bool[Tensor, " question"] | None = None
) -> None:
    """To be called when the evaluation of `clamps` is complete. `only` are the questions the
    figures are over.
    """
    expected = state.hypothesis()
    if engine.results.remember(clamps, write_link(state.board()), *expected):
        state.expect("")
    trials = engine.history.trials(only)
    names = trial_names(trials, engine.atlas.name, engine.preset_titles)
    runs = {t.id: t.run for t in trials}
    current = next((t.id for t in trials if t.run.clamps == clamps), None)
    st.subheader("Trials")
    picked = draw_chart(
        trials,
        names,
        current,
        engine.history.baseline(only),
        f"foot_chart_{state.revision()}_{current}",
        published_points(engine.setup) if only is None else None,
    )
    if picked in runs and picked != current:
        go_back(runs[picked], engine.sae.d_sae)
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Go back to",
            list(runs),
            index=None,
            format_func=trial_lines(trials, names).__getitem__,
            key=f"foot_back_{state.revision()}_{current}",
            placeholder="a setting tried, newest first: or click its dot",
        )
        for which, pinned in zip(state.PINS, state.pins(), strict=True):
            st.button(
                f"{which} is this" if pinned == clamps else f"Pin as {which}",
                key=f"foot_pin_{which}",
                icon=":material/push_pin:",
                on_click=state.pin,
                args=(which, clamps),
                disabled=pinned == clamps,
            )
        st.page_link("pages/runs.py", label="Compare, name, note", icon=":material/history:")
    if chosen is not None and chosen != current:
        go_back(runs[chosen], engine.sae.d_sae)
        st.rerun()
    key = f"foot_expect_{state.hypothesis().written}"
    st.text_input(
        "What do you expect of the next setting? Kept with its result, as written before it.",
        state.hypothesis().text,
        key=key,
        max_chars=500,
        on_change=lambda: state.expect(st.session_state[key]),
        placeholder="Biology falls by ten points or more, geography by less than two",
    )
    if current is not None and (said := runs[current].hypothesis):
        st.markdown("**Expected of this setting, before it ran**")
        st.text(said)


def go_back(run: Run, d_sae: int) -> None:
    """The board of this run, as one step that undo takes back."""
    state.set_board(board_of_run(run, d_sae), redraw=True)
