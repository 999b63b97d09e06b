"""Training an RMU: the recipe, what it will take, and how far it is."""

import dataclasses
from collections.abc import Callable
from typing import Any

import streamlit as st

from backend.engine.engine import Engine
from backend.progress import Progress
from backend.rivals.recipe import Recipe
from backend.rivals.trained import Trained
from backend.rivals.training import train_for
from backend.setups import RmuSource
from components.messages import show_problem
from components.progress_bar import show_progress
from components.values import Work
from components.wording import plain

LABELS = {
    "layer": "Block steered",
    "strength": "Steering strength",
    "unit": "Its unit",
    "alpha": "Alpha, weight of retain",
    "steps": "Steps",
    "lr": "Learning rate",
    "batch": "Pieces of each text in a step",
    "tokens": "Tokens in a piece, at most",
    "seed": "Seed",
}
HELP = {
    "layer": "From 0. Its MLP's output matrix is trained, and those of the two blocks before it.",
    "strength": "How long the noise is that forget text is steered to.",
    "unit": "Multiples of the residual's median length there, or raw numbers as in the paper.",
}
UNITS = ("residual", "raw")
STEPS = {"strength": 0.5, "alpha": 10.0, "lr": 1e-4}
"""Of the buttons beside a number; 1 for the others."""
RANGES: dict[str, tuple[float, float]] = {
    spec.name: spec.metadata["within"]
    for spec in dataclasses.fields(RmuSource)
    if "within" in spec.metadata
}

OnTrain = Callable[[dict[str, Any]], None]


def draw_train_form(recipe: Recipe, takes: str, on_train: OnTrain) -> None:
    """The recipe's fields, as `recipe` has them to begin with; `takes` says what training will.
    `on_train` is called with the values by their names.
    """
    with st.expander("Train an RMU"):
        st.caption(plain(takes))
        with st.form("rmu_recipe", border=False):
            columns = st.columns(3, vertical_alignment="bottom")
            for i, (name, label) in enumerate(LABELS.items()):
                with columns[i % 3]:
                    _draw_field(name, label, getattr(recipe, name))
            st.form_submit_button(
                "Train it",
                icon=":material/model_training:",
                on_click=lambda: on_train({name: st.session_state[_key(name)] for name in LABELS}),
                width="stretch",
            )
        st.caption(
            "How long it takes is said after its first steps. You may go on working meanwhile, "
            "which holds it up. Stopped, also by leaving the page, it loses some seconds at most, "
            "and goes on from there when it is asked for again."
        )


def _draw_field(name: str, label: str, value: Any) -> None:
    if name == "unit":
        st.selectbox(
            label,
            UNITS,
            UNITS.index(value),
            key=_key(name),
            help=HELP[name],
            persist_state="session",
        )
        return
    low, high = (type(value)(bound) for bound in RANGES[name])
    form = "%d" if isinstance(value, int) else "%.6g"
    step = STEPS.get(name, 1)
    st.number_input(
        label,
        low,
        high,
        value,
        step,
        form,
        key=_key(name),
        help=HELP.get(name),
        persist_state="session",
    )


def _key(name: str) -> str:
    return f"rmu_{name}"


def draw_training(engine: Engine, work: Work, on_trained: Callable[[Trained], None]) -> None:
    """Trains, if it is wanted for a recipe, and shows how far it is. It is done here, so call it
    last.
    """
    if not isinstance(work.wanted, Recipe):
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**Training an RMU**")
            st.space("stretch")
            st.button(
                "Stop", icon=":material/stop:", key="rmu_stop", on_click=work.ask, args=(None,)
            )
        bar = st.progress(0.0, "Starting…")
        notes = st.container()

        def show(progress: Progress) -> None:
            if progress.note:
                notes.caption(plain(progress.note))
            show_progress(bar, progress)

        with show_problem():
            trained = train_for(engine.setup, work.wanted, show)
            work.ask(None)
            on_trained(trained)
            st.rerun()
