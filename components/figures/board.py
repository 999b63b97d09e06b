"""The board: what the model still knows, set by set."""

import html
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import streamlit as st

from backend.data.questions import CHANCE
from backend.evaluation.evaluate import Evaluation, SetResult
from backend.statistics import MeanChange
from components.charts.all import FORGET, RETAIN, dumbbell

COLUMNS = ("Set, questions", "Without → with", "Change, 95 % interval", "Lost", "Gained", "p")
STYLE = """<style>
.board { overflow-x: auto; }
.board table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
.board th { text-align: left; padding: .25rem .6rem .25rem 0; font-weight: 600; }
.board td {
  padding: .3rem .6rem .3rem 0; border-top: 1px solid rgba(128, 128, 128, .25); white-space: nowrap;
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


def heading(evaluation: Evaluation, stale: bool) -> str:
    """One line on what the figures are over, and whether they are final."""
    affected = sum(s.n_affected for s in evaluation.sets)
    done = sum(s.n_done for s in evaluation.sets)
    n = sum(s.n for s in evaluation.sets)
    if stale:
        return (
            f"For the previous settings: {affected} of {n} questions affected. The new figures are"
            " being computed…"
        )
    if not evaluation.clamps:
        return f"No clamp is on: this is the model as it is, over {n} questions."
    if not evaluation.complete:
        return (
            f"Estimate from {done} of {affected} affected questions, running… ({n} questions in"
            " all)"
        )
    return (
        f"{affected} of {n} questions touched by a clamp; the others keep their answer bit for bit."
        f" Computed in {evaluation.seconds:.1f} s."
    )


def draw_board(
    evaluation: Evaluation, margins: Mapping[str, MeanChange], *, stale: bool = False
) -> None:
    """`margins`: the mean change of the right answer's margin by set, for those where accuracy says
    little; empty while a run goes on.
    """
    st.caption(heading(evaluation, stale))
    html_of = (
        board_html(evaluation.sets, margins)
        if evaluation.clamps
        else baseline_html(evaluation.sets)
    )
    st.html(f'<div style="opacity:{0.5 if stale else 1}">{html_of}</div>')
    st.altair_chart(dumbbell(evaluation.sets, CHANCE), width="stretch")
    filled = (
        "Hollow: without clamps. Filled: with clamps. Band: 95 % interval of the change. "
        if evaluation.clamps
        else ""
    )
    st.caption(f"{filled}Dashed: chance.")


def board_html(
    sets: Sequence[SetResult], margins: Mapping[str, MeanChange] = MappingProxyType({})
) -> str:
    """The board as an HTML table: each number with its n and interval, roles in words and colour."""
    return _table(COLUMNS, [_cells(s, margins.get(s.name)) for s in sets])


def baseline_html(sets: Sequence[SetResult]) -> str:
    """The board while nothing is clamped: there is no change to speak of, but how sure each
    accuracy is.
    """
    return _table(
        ("Set, questions", "Accuracy, 95 % interval"),
        [
            (
                _name(s, f"n = {s.n}"),
                (
                    f"<b>{s.baseline_accuracy:.1%}</b> [{s.baseline_interval.low:.1%},"
                    f" {s.baseline_interval.high:.1%}]"
                ),
            )
            for s in sets
        ],
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already."""
    head = "".join(f'<th scope="col">{title}</th>' for title in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f"{STYLE}<div"
        f' class="board"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _name(s: SetResult, said: str) -> str:
    colour = FORGET if s.role == "forget" else RETAIN
    note = (
        '<small class="note">inconclusive: without clamps it may be guessing</small>'
        if s.inconclusive
        else ""
    )
    return (
        '<span style="border-left:4px solid'
        f' {colour};padding-left:.4rem"><small>{s.role.upper()}</small>'
        f" {html.escape(s.title)}</span><br><small"
        f' style="padding-left:.6rem;opacity:.75">{said}</small>{note}'
    )


def _cells(s: SetResult, margin: MeanChange | None) -> tuple[str, ...]:
    note = ""
    if s.inconclusive and margin is not None:
        note = (
            f'<small class="note">right answer\'s margin {signed(margin.mean, 2)} nats'
            f" [{signed(margin.low, 2)}, {signed(margin.high, 2)}]</small>"
        )
    waiting, partial = s.n_done == 0 < s.n_affected, s.n_done < s.n_affected
    interval = f"[{signed(s.ci_low_pp)}, {signed(s.ci_high_pp)}]"
    if s.lost + s.gained == 0:
        interval = "no answer changed so far" if partial else "no answer changed"
    p = "" if waiting else f"{s.p_value:.2g}"
    more = (
        ""
        if s.lost + s.gained == 0
        else f'<small class="narrow">lost {s.lost}, gained {s.gained}, p {p}</small>'
    )
    return (
        _name(s, f"n = {s.n}, {s.n_affected} touched{f', {s.n_done} done' if partial else ''}")
        + note,
        f"{s.baseline_accuracy:.1%} → <b>{'…' if waiting else f'{s.accuracy:.1%}'}</b>",
        "not yet known" if waiting else f"<b>{signed(s.change_pp)} pp</b> {interval}{more}",
        str(s.lost),
        str(s.gained),
        p,
    )


def signed(number: float, digits: int = 1) -> str:
    """With a sign and a real minus; zero has none."""
    text = f"{abs(number):.{digits}f}"
    return text if float(text) == 0 else ("−" if number < 0 else "+") + text
