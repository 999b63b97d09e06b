"""The board for a room: two big numbers, one slider, two answers, and keys to step through what is
saved.

As on the Clamp page the evaluation comes last, and then the answers: the next move stops them.
"""

from functools import partial
from pathlib import Path

import streamlit as st
from jaxtyping import Bool
from torch import Tensor

from backend import showcase
from backend.engine.engine import Engine
from backend.evaluation.evaluate import Evaluation
from backend.experiments.verdict import verdict
from backend.interventions.board import write_link
from backend.interventions.method import NOTHING
from components import resources, stage, state
from components.clamping.presets import ordered_board
from components.frame import require_frame
from components.messages import show_errors, show_problem
from components.session import begin
from components.stage.bar import Show, Step, draw_bar, edited, show, steps
from components.stage.figures import StageFigures
from components.texts.strip import PROMPTS, Kept, draw_strip, run_strip

require_frame()
STYLE = (Path(stage.__file__).parent / "stage.css").read_text(encoding="utf-8")


def saved_here(engine: Engine) -> list[Step]:
    """The shipped presets that admit any feature, then the user's own."""
    shipped = [
        Step(preset.title, ordered_board(engine, setting))
        for name, preset in engine.presets.items()
        if (setting := engine.preset(name))
    ]
    own = engine.saved_presets.all(engine.d_sae)
    return [*shipped, *(Step(name, board) for name, board in own.items())]


def move(at: Show, there: list[Step]) -> None:
    new = edited(at, there)
    state.set_board(new.now)
    state.set_so_far("stage", new)


def called(engine: Engine, at: Show, there: list[Step]) -> str:
    """The step's own name while its board is as it was saved."""
    setting, step = at.now.setting(), there[at.at]
    return step.name if step.board.setting() == setting else engine.name_of(setting)


def in_half(engine: Engine) -> Bool[Tensor, " question"] | None:
    """The questions the figures are over; None for all of them."""
    half = state.half()
    return None if half == "all" else engine.half(half)


def remember(engine: Engine) -> None:
    """Keep the board with its result, and what was expected of it; that is then taken."""
    board = state.board()
    with show_problem():
        if engine.results.remember(board.setting(), write_link(board), *state.hypothesis()):
            state.expect("")


def sentence(engine: Engine, only: Bool[Tensor, " question"] | None, of: Evaluation) -> str:
    return verdict(engine, of, only).sentence


with show_errors():
    engine = begin()
    setting = engine.check(state.board().setting())
    saved = saved_here(engine)
state.write_address()
st.html(f"<style>{STYLE}</style>")
with st.container(key="stage_title"):
    st.title("Stage")
before = state.so_far("stage")
at = show(before if isinstance(before, Show) else None, state.board(), saved)
state.set_so_far("stage", at)
there = steps(at.first, engine.name_of(at.first.setting()), saved)
only = in_half(engine)
with st.container(key="stage"):
    name = called(engine, at, there)
    if only is not None:
        name += f", {state.half()} half of the questions"
    leaves = draw_bar(name, at.now, at.at, len(there), partial(move, at, there))
    if leaves:
        st.switch_page("pages/clamp.py")
    numbers, said = st.empty(), st.empty()
    chart, answers = st.columns([11, 12], gap="medium")
    figures = StageFigures(
        (numbers, said, chart.empty()), engine, only, partial(sentence, engine, only)
    )
    texts = resources.texts(engine)
    kept = Kept(texts.find, texts.keep)
    with answers, st.container(key="stage_say"):
        strip = draw_strip(engine, setting, state.prompts() or PROMPTS, kept)
with show_errors():
    former = state.shown() or engine.evaluate(NOTHING, on_wait=figures.on_wait)
    if former.setting != setting:
        figures.draw(former, former=True)
    if showcase.is_on() and engine.finished(setting) is None:
        figures.never_tried()
        st.stop()
    evaluation = engine.evaluate(setting, figures.on_partial, figures.on_wait)
    state.set_shown(evaluation)
    figures.draw(evaluation)
    remember(engine)
    run_strip(engine, strip, kept)
