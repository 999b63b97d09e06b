"""The board: what the model still knows, set by set."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

import streamlit as st
from jaxtyping import Bool
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from backend.data.questions import CHANCE
from backend.engine.engine import Engine
from backend.evaluation.answers import margin_changes
from backend.evaluation.evaluate import Evaluation, SetResult, pooled
from backend.interventions.method import Setting
from backend.interventions.rival import in_words as rival_in_words
from backend.progress import Progress
from backend.setups import Role
from backend.statistics import MeanChange
from backend.wording import signed
from components.charts.board import dumbbell
from components.figures.board_table import (
    all_retain,
    baseline_html,
    board_html,
    known_enough,
    several_retain,
)
from components.pictures import show_chart
from components.progress_bar import in_words
from components.wording import plain

REDRAW_S = 0.25


class GrowingBoard:
    """The board's place on the page: an evaluation is drawn over the one before."""

    def __init__(
        self, place: DeltaGenerator, engine: Engine, only: Bool[Tensor, " question"] | None
    ):
        """`only` are the questions the figures are over; None is all of them."""
        self._place = place
        self._engine = engine
        self._only = only
        self._drawn_at = 0.0

    def draw(self, evaluation: Evaluation, *, stale: bool = False, stopped: bool = False) -> None:
        """`stale`: it is of other clamps than those that are on now. `stopped`: it is a sample, and
        stays one.
        """
        only = self._only
        margins: Mapping[str, MeanChange] = {}
        held_out: Sequence[SetResult] = ()
        if evaluation.complete:
            margins = margin_changes(self._engine.sets, evaluation, only)
            if only is None and evaluation.setting:
                half = self._engine.half("held-out")
                held_out = self._engine.restrict(evaluation, half).sets
        evaluation = self._engine.restrict(evaluation, only)
        with self._place.container():
            draw_board(evaluation, margins, held_out, stale=stale, stopped=stopped)

    def on_partial(self, evaluation: Evaluation) -> bool:
        """An evaluation that is still growing, not more often than the eye can follow. Returns
        whether it was drawn.
        """
        draws = not evaluation.complete and time.monotonic() - self._drawn_at > REDRAW_S
        if draws:
            self.draw(evaluation)
            self._drawn_at = time.monotonic()
        return draws

    def on_wait(self, progress: Progress) -> None:
        with self._place.container():
            st.caption(in_words(progress))


def draw_board(
    evaluation: Evaluation,
    margins: Mapping[str, MeanChange],
    held_out: Sequence[SetResult] = (),
    *,
    stale: bool = False,
    stopped: bool = False,
) -> None:
    """The board as a table and as a chart, with a line above on what it is over.

    `margins`: the mean change of the right answer's margin by set, for those where accuracy says
    little; empty while a run goes on. `held_out`: the same sets over that half; empty likewise, and
    where the figures are over a half.
    """
    st.caption(heading(evaluation, stale, stopped))
    html_of = (
        board_html(evaluation.sets, margins, held_out)
        if evaluation.setting
        else baseline_html(evaluation.sets)
    )
    st.html(f'<div style="opacity:{0.5 if stale else 1}">{html_of}</div>')
    shown = list(evaluation.sets)
    if several_retain(shown):
        shown.append(replace(all_retain(shown), title="all retain sets"))
    final = evaluation.complete and not stale
    show_chart(dumbbell(shown, CHANCE), "board" if final else None)
    st.caption(f"{legend(evaluation.setting)}Dashed: chance.")


def legend(setting: Setting) -> str:
    """What the dots of the chart are, where something acts."""
    if not setting:
        return ""
    acts = "clamps" if setting.rival is None else plain(rival_in_words(setting.rival))
    return f"Hollow: without {acts}. Filled: with {acts}. Band: 95 % interval of the change. "


def heading(evaluation: Evaluation, stale: bool, stopped: bool = False) -> str:
    """One line on what the figures are over, and whether they are final. `stopped`: they will not
    become so by themselves.
    """
    affected = sum(s.n_affected for s in evaluation.sets)
    done = sum(s.n_done for s in evaluation.sets)
    n = sum(s.n for s in evaluation.sets)
    if stale:
        return (
            f"For the previous settings: {affected} of {n} questions touched. "
            "The new figures are being computed…"
        )
    if not evaluation.setting:
        return f"No clamp is on: this is the model as it is, over {n} questions."
    if done < affected:
        return (
            f"{'A sample' if stopped else 'Running'}: {so_far(evaluation.sets)} after {done} of "
            f"{affected} touched questions, of {n} in all. "
            "±: how far the figures over all of them may be from these."
        )
    rival = evaluation.setting.rival
    by = "a clamp" if rival is None else plain(rival_in_words(rival))
    if rival is not None and affected == n:
        return f"All {n} questions are touched by {by}. {computed(evaluation)}"
    return (
        f"{affected} of {n} questions touched by {by}; "
        f"the others keep their answer bit for bit. {computed(evaluation)}"
    )


def so_far(sets: Sequence[SetResult]) -> str:
    """What a part of the questions says of all of them, role by role."""
    said = []
    for role in get_args(Role):
        of_role = pooled(sets, role)
        if of_role.n_affected:
            known = known_enough(of_role)
            sure = of_role.sure_pp
            points = f"{signed(of_role.change_pp)} ± {sure:.1f} points"
            said.append(f"{role} {points if known and math.isfinite(sure) else 'not yet known'}")
    return ", ".join(said)


def computed(evaluation: Evaluation) -> str:
    """How long it took, of how many questions, and when that was if not now."""
    took = f"{evaluation.seconds:.1f} s"
    if evaluation.kept is None:
        known = f", {evaluation.n_known} known from before" if evaluation.n_known else ""
        return f"{evaluation.n_run} run{known}, in {took}."
    when = time.strftime("%d %b %Y, %H:%M:%S", time.localtime(evaluation.kept))
    return f"Kept from {when}, when it took {took}."
