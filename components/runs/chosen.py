"""One run that was chosen: what the user can do with it, and what was written about it."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from backend import showcase
from backend.evaluation.history import Trial
from backend.evaluation.results import Results
from backend.interventions.method import Setting
from backend.wording import percent
from components.messages import show_problem, showcase_off
from components.values import PINS
from components.wording import plain

T = TypeVar("T")


def draw_chosen(
    trial: Trial,
    name: str,
    results: Results,
    on_pin: Callable[[str, Setting], None],
    on_compare: Callable[[Setting], None] | None = None,
) -> bool:
    """True when the user wants to go back to this setting. `on_compare` puts it beside the board;
    None where that is this setting, or none whose figures are there.

    What is deleted or written here is so in `results` at once, and the page runs again; what cannot
    be is said, and the fields keep what was written in them.
    """
    run = trial.run
    st.header(plain(name), anchor=False)
    st.caption(
        f"forget {percent(trial.forget.percent / 100)} of {trial.forget.n}, "
        f"retain {percent(trial.retain.percent / 100)} of {trial.retain.n} · "
        f"{run.seconds:.1f} s to compute"
    )
    with st.container(horizontal=True):
        if st.button("Go back to this setting", icon=":material/undo:", type="primary"):
            return True
        if on_compare is not None:
            st.button(
                "Compare with the board",
                icon=":material/compare_arrows:",
                on_click=on_compare,
                args=(run.setting,),
            )
        for which in PINS:
            st.button(
                f"Pin as {which}",
                icon=":material/push_pin:",
                on_click=on_pin,
                args=(which, run.setting),
            )
        if not showcase.is_on():
            with st.popover("Delete", icon=":material/delete:"):
                st.write(
                    "The figures can be computed again; "
                    "name, note and expectation cannot be brought back."
                )
                if st.button("Delete this run", key="runs_delete"):
                    with show_problem():
                        results.forget(run.setting)
                        st.rerun()
    if showcase_off():
        st.text(run.note)
        return False
    if trial.swept:
        st.caption("A point of a sweep: go back to it to name it and to write about it.")
        return False
    with st.form(f"runs_note_{run.id}"):
        new_name = st.text_input("Name", run.name, max_chars=80)
        note = st.text_area("Note", run.note, max_chars=2000, height=80)
        if run.hypothesis:
            st.caption("Expected, written before it ran:")
            st.text(run.hypothesis)
        star = st.checkbox("Star", run.star)
        if st.form_submit_button("Keep"):
            with show_problem():
                results.annotate(
                    run.setting,
                    name=_if_changed(new_name.strip(), run.name),
                    note=_if_changed(note.strip(), run.note),
                    star=_if_changed(star, run.star),
                )
                st.rerun()
    return False


def _if_changed(new: T, shown: T) -> T | None:
    """What was not touched here may have been written by another session meanwhile."""
    return None if new == shown else new
