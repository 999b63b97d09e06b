"""What can stand in the place of clamps: chosen, trained, drawn, and run once by itself."""

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import showcase
from backend.engine.engine import Engine
from backend.errors import ClampboardError
from backend.interventions.board import Board
from backend.interventions.method import Setting
from backend.interventions.rival import PUSHED, Rival
from backend.rivals.recipe import recipe_of
from backend.rivals.trained import Trained, folder_of
from backend.rivals.training import needs_in_words
from components import actions, state
from components.clamping.arrange import depth
from components.clamping.in_place import draw_in_place
from components.clamping.rivals import draw_rivals
from components.clamping.training import draw_train_form
from components.figures.beside import say_meeting
from components.figures.strengths import draw_strengths
from components.messages import show_problem, showcase_off
from components.progress_bar import saying


def trained_here(engine: Engine) -> list[Trained]:
    """The trained RMUs, shipped ones first; what is wrong with a shipped one is said."""
    with show_problem():
        return engine.rivals.trained()
    return []


def is_shipped(engine: Engine, trained: Trained) -> bool:
    return engine.setup.rmu is not None and trained.path in engine.setup.rmu.models


def draw_all_rivals(engine: Engine, trained: list[Trained]) -> None:
    another = draw_rivals(
        trained,
        sum(is_shipped(engine, one) for one in trained),
        state.said("rivals"),
        partial(actions.choose_rival, engine),
    )
    with another:
        if showcase_off():
            return
        recipe, folder = recipe_of(engine.setup.rmu), folder_of(engine.weights.fingerprint)
        try:
            takes = needs_in_words(engine.model.hf, recipe, folder)
        except ClampboardError as error:  # another recipe may do
            takes = str(error)
        draw_train_form(recipe, takes, partial(actions.train, engine))


def draw_rival(
    engine: Engine, board: Board, rival: Rival, trained: list[Trained]
) -> DeltaGenerator | None:
    """The card in the place of the sliders. Returns the place of a direction's dose curve."""
    recipe = next((one.recipe.in_words for one in trained if one.name == rival.of), "")
    curve = draw_in_place(
        board,
        rival,
        recipe,
        depth(engine),
        state.revision(),
        on_strength=actions.set_strength,
        on_back=partial(actions.put_rival, None),
    )
    if rival.kind not in PUSHED:
        return None
    with curve:
        return draw_strengths(engine, rival, state.work("strengths"))


def never_met(engine: Engine, trained: list[Trained]) -> Setting | None:
    """The shipped RMU, if it was never run."""
    shipped = next((one for one in trained if is_shipped(engine, one)), None)
    if shipped is None or showcase.is_on():
        return None
    setting = Setting(rival=Rival("rmu", shipped.name))
    return setting if engine.finished(setting) is None else None


def meet(engine: Engine, rival: Setting, meeting: DeltaGenerator) -> None:
    """Runs the shipped RMU once, so that it is in the chart without being asked for."""
    with meeting, show_problem():
        place = st.empty()
        engine.evaluate(rival, partial(say_meeting, place), saying(place))
        st.rerun()
