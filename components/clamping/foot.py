"""The foot of the clamp page.

What was tried, the way back to it, and what is expected of the next setting.
"""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st
from jaxtyping import Bool
from torch import Tensor

from backend.data.published import published_points
from backend.engine.engine import Engine
from backend.evaluation.history import Trial
from backend.evaluation.results import Run
from backend.interventions.method import Setting
from components.messages import showcase_off
from components.runs.trials import draw_chart, trial_lines, trial_names
from components.values import PINS, Hypothesis, Pins


def draw_foot(
    engine: Engine,
    setting: Setting,
    only: Bool[Tensor, " question"] | None,
    *,
    revision: int,
    pins: Pins,
    expected: Hypothesis,
    on_pin: Callable[[str, Setting], None],
    on_expect: Callable[[str], None],
) -> Run | None:
    """Everything tried and the points of sweeps, with the present setting, whose evaluation is
    complete, among it.

    Returns the run that the user wants to go back to, if any. `only` are the questions the figures
    are over; a new `revision` draws the chart and the lists unselected.
    """
    trials = engine.history.trials(only, swept=True)
    names = trial_names(trials, engine.name_of)
    runs = {t.id: t.run for t in trials}
    current = next((t.id for t in trials if t.run.setting == setting), None)
    st.header("Trials", anchor=False)
    picked = draw_chart(
        trials,
        names,
        current,
        engine.history.baseline(only),
        f"foot_chart_{revision}_{current}",
        published_points(engine.setup) if only is None else None,
        engine.max_act,
    )
    if picked in runs and picked != current:
        return runs[picked]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        back, other = _draw_lists(trials, names, f"{revision}_{current}")
        for which, pinned in zip(PINS, pins, strict=True):
            st.button(
                f"{which} is this" if pinned == setting else f"Pin as {which}",
                key=f"foot_pin_{which}",
                icon=":material/push_pin:",
                on_click=on_pin,
                args=(which, setting),
                disabled=pinned == setting,
            )
        st.page_link("pages/runs.py", label="Name, note, all runs", icon=":material/history:")
    if other is not None and other != current:
        on_pin("A", runs[other].setting)
        on_pin("B", setting)
        st.switch_page("pages/runs.py", query_params={"compare": ""})
    if back is not None and back != current:
        return runs[back]
    _draw_expected(expected, on_expect)
    if current is not None and (said := runs[current].hypothesis):
        st.markdown("**Expected of this setting, before it ran**")
        st.text(said)
    return None


def _draw_lists(
    trials: Sequence[Trial], names: Mapping[str, str], key: str
) -> tuple[str | None, str | None]:
    """The trial to go back to, and the one to compare the board with."""
    lines = trial_lines(trials, names)
    back = st.selectbox(
        "Go back to",
        list(lines),
        index=None,
        format_func=lines.__getitem__,
        key=f"foot_back_{key}",
        placeholder="a setting tried, newest first: or click its dot",
    )
    other = st.selectbox(
        "Compare the board with",
        list(lines),
        index=None,
        format_func=lines.__getitem__,
        key=f"foot_compare_{key}",
        placeholder="a setting tried: opens both side by side",
    )
    return back, other


def _draw_expected(expected: Hypothesis, on_expect: Callable[[str], None]) -> None:
    if showcase_off():
        return
    key = f"foot_expect_{expected.written}"
    st.text_input(
        "What do you expect of the next setting? Kept with its result, as written before it.",
        expected.text,
        key=key,
        max_chars=500,
        on_change=lambda: on_expect(st.session_state[key]),
        placeholder="Biology falls by ten points or more, geography by less than two",
    )
