"""The board: what the model still knows, set by set."""

import html
import math
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
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
from components.charts.palette import FORGET, RETAIN
from components.progress_bar import in_words
from components.wording import plain

REDRAW_S = 0.25
COLUMNS = ("Set, questions", "Without → with", "Change, 95 % interval", "Lost", "Gained", "p")
STYLE = """<style>
.board { overflow-x: auto; }
.board table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
.board th { text-align: left; padding: .25rem .6rem .25rem 0; font-weight: 600; }
.board td {
  padding: .3rem .6rem .3rem 0; border-top: 1px solid rgba(128, 128, 128, .25); white-space: nowrap;
}
.board .over {
  display: block; white-space: normal; max-width: 11rem; padding-left: .6rem; opacity: .75;
}
.board .narrow { display: none; }
.board .note { display: block; white-space: normal; max-width: 13rem; padding-left: .6rem; }
@media (max-width: 1280px) {
  .board .narrow { display: block; }
  .board :is(th, td):nth-child(n+4) { display: none; }
  .board :is(th, td) { white-space: normal; vertical-align: top; }
}
</style>"""
"""Where the columns for lost, gained and p have no room, they stand below the change."""


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
        margins = margin_changes(self._engine.sets, evaluation, only) if evaluation.complete else {}
        evaluation = self._engine.restrict(evaluation, only)
        with self._place.container():
            draw_board(evaluation, margins, stale=stale, stopped=stopped)

    def on_partial(self, evaluation: Evaluation) -> None:
        """An evaluation that is still growing, not more often than the eye can follow."""
        if not evaluation.complete and time.monotonic() - self._drawn_at > REDRAW_S:
            self.draw(evaluation)
            self._drawn_at = time.monotonic()

    def on_wait(self, progress: Progress) -> None:
        with self._place.container():
            st.caption(in_words(progress))


def draw_board(
    evaluation: Evaluation,
    margins: Mapping[str, MeanChange],
    *,
    stale: bool = False,
    stopped: bool = False,
) -> None:
    """The board as a table and as a chart, with a line above on what it is over.

    `margins`: the mean change of the right answer's margin by set, for those where accuracy says
    little; empty while a run goes on.
    """
    st.caption(heading(evaluation, stale, stopped))
    html_of = (
        board_html(evaluation.sets, margins)
        if evaluation.setting
        else baseline_html(evaluation.sets)
    )
    st.html(f'<div style="opacity:{0.5 if stale else 1}">{html_of}</div>')
    st.altair_chart(dumbbell(evaluation.sets, CHANCE), width="stretch")
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
            f"For the previous settings: {affected} of {n} questions affected. "
            "The new figures are being computed…"
        )
    if not evaluation.setting:
        return f"No clamp is on: this is the model as it is, over {n} questions."
    if done < affected:
        return (
            f"{'A sample' if stopped else 'Running'}: {so_far(evaluation.sets)} after {done} of "
            f"{affected} affected questions, of {n} in all. "
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
            sure = of_role.sure_pp
            points = f"{signed(of_role.change_pp)} ± {sure:.1f} points"
            said.append(f"{role} {points if math.isfinite(sure) else 'not yet known'}")
    return ", ".join(said)


def computed(evaluation: Evaluation) -> str:
    """How long it took, of how many questions, and when that was if not now."""
    took = f"{evaluation.seconds:.1f} s"
    if evaluation.kept is None:
        known = f", {evaluation.n_known} known from before" if evaluation.n_known else ""
        return f"{evaluation.n_run} run{known}, in {took}."
    when = time.strftime("%d %b %Y, %H:%M:%S", time.localtime(evaluation.kept))
    return f"Kept from {when}, when it took {took}."


def board_html(
    sets: Sequence[SetResult], margins: Mapping[str, MeanChange] = MappingProxyType({})
) -> str:
    """The board as a table: each number with its n and interval, roles in words and colour."""
    return _table(COLUMNS, [_cells(s, margins.get(s.name)) for s in sets])


def baseline_html(sets: Sequence[SetResult]) -> str:
    """The board while nothing is clamped: no change to speak of, but how sure each accuracy is."""
    return _table(
        ("Set, questions", "Accuracy, 95 % interval"),
        [(_name(s, f"n = {s.n}"), _baseline(s)) for s in sets],
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already."""
    head = "".join(f'<th scope="col">{title}</th>' for title in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'{STYLE}<div class="board"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _name(s: SetResult, said: str) -> str:
    colour = FORGET if s.role == "forget" else RETAIN
    note = (
        '<small class="note">inconclusive: without clamps it may be guessing</small>'
        if s.inconclusive
        else ""
    )
    return (
        f'<span style="border-left:4px solid {colour};padding-left:.4rem">'
        f"<small>{s.role.upper()}</small> {html.escape(s.title)}</span>"
        f'<small class="over">{said}</small>{note}'
    )


def _baseline(s: SetResult) -> str:
    low, high = s.baseline_interval
    return f"<b>{s.baseline_accuracy:.1%}</b> [{low:.1%}, {high:.1%}]"


def _cells(s: SetResult, margin: MeanChange | None) -> tuple[str, ...]:
    waiting = s.waiting
    partial = s.n_done < s.n_affected
    touched = f"n = {s.n}, {s.n_affected} touched{f', {s.n_done} done' if partial else ''}"
    accuracy = "…" if waiting else f"{s.accuracy:.1%}"
    p = "" if waiting else f"{s.p_value:.2g}"
    return (
        _name(s, touched) + _margin(s, margin),
        f"{s.baseline_accuracy:.1%} → <b>{accuracy}</b>",
        "not yet known" if waiting else _change(s, p, partial),
        str(s.lost),
        str(s.gained),
        p,
    )


def _margin(s: SetResult, margin: MeanChange | None) -> str:
    """Where accuracy says little, what became of the right answer's margin."""
    if not s.inconclusive or margin is None:
        return ""
    return (
        f'<small class="note">right answer\'s margin {signed(margin.mean, 2)} nats '
        f"[{signed(margin.low, 2)}, {signed(margin.high, 2)}]</small>"
    )


def _change(s: SetResult, p: str, partial: bool) -> str:
    change = f"<b>{signed(s.change_pp)} pp</b>"
    if s.lost + s.gained == 0:
        return f"{change} no answer changed{' so far' if partial else ''}"
    return (
        f"{change} [{signed(s.ci_low_pp)}, {signed(s.ci_high_pp)}]"
        f'<small class="narrow">lost {s.lost}, gained {s.gained}, p {p}</small>'
    )
