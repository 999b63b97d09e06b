"""The board as a table: every set without and with what acts, its change, and the held-out half."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from backend.evaluation.evaluate import SetResult, pooled
from backend.statistics import SIGNIFICANT, MeanChange
from backend.wording import percent, signed
from components.charts.palette import FORGET, RETAIN

COLUMNS = ("Set, questions", "Without → with", "Change, 95 % interval")
ENOUGH = 10
"""Questions that have to be done before part of a set is said to show no change."""
DISAGREE = (
    "Where few answers changed, the interval (an approximation) and p (the exact test) may "
    "disagree: take p."
)
STYLE = """<style>
.board { overflow-x: auto; container-type: inline-size; }
.board table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
.board th { text-align: left; padding: .25rem .9rem .25rem 0; font-weight: 600; }
.board td {
  padding: .3rem .9rem .3rem 0; border-top: 1px solid rgba(128, 128, 128, .25);
  white-space: nowrap; vertical-align: top;
}
.board td:nth-child(2) b { white-space: nowrap; }
.board small { display: block; white-space: normal; opacity: .8; }
.board .role { display: inline; opacity: 1; }
.board td:first-child { white-space: normal; }
.board :is(.over, .note) { max-width: 13rem; padding-left: .6rem; }
.board tfoot td { border-top: 2px solid rgba(128, 128, 128, .5); }
@container (max-width: 30rem) {
  .board :is(th, td) { white-space: normal; padding-right: .5rem; }
}
</style>"""


def board_html(
    sets: Sequence[SetResult],
    margins: Mapping[str, MeanChange] = MappingProxyType({}),
    held_out: Sequence[SetResult] = (),
) -> str:
    """Each number with its n and interval, roles in words and colour; the retain sets together in
    the last row. `held_out`: the same sets over that half, in the same order.
    """
    beside: list[SetResult | None] = [*held_out] or [None for _ in sets]
    rows = [_cells(s, margins.get(s.name), mine) for s, mine in zip(sets, beside, strict=True)]
    last = []
    if several_retain(sets):
        together = pooled(held_out, "retain") if held_out else None
        last = [_cells(all_retain(sets), None, together)]
    table = _table(COLUMNS, rows, last)
    shown = [*sets, *(all_retain(sets) for _ in last), *held_out]
    return table + (f'<small class="board-note">{DISAGREE}</small>' if _any_odd(shown) else "")


def baseline_html(sets: Sequence[SetResult]) -> str:
    """The board while nothing acts: no change to speak of, but how sure each accuracy is."""
    last = [all_retain(sets)] if several_retain(sets) else []
    return _table(
        ("Set, questions", "Accuracy, 95 % interval"),
        *([(_name(s, f"n = {s.n}"), _baseline(s)) for s in shown] for shown in (sets, last)),
    )


def several_retain(sets: Sequence[SetResult]) -> bool:
    return sum(s.role == "retain" for s in sets) > 1


def all_retain(sets: Sequence[SetResult]) -> SetResult:
    """The retain sets as one, by the name it has on the board."""
    return replace(pooled(sets, "retain"), title="All together")


def known_enough(s: SetResult) -> bool:
    """Whether something can be said of a set that is still running: that no answer changed among
    the first few questions says nothing.
    """
    if s.waiting:
        return False
    return bool(s.lost + s.gained) or s.n_done >= min(ENOUGH, s.n_affected)


def _any_odd(sets: Sequence[SetResult]) -> bool:
    """Whether an interval leaves out zero where the exact test finds nothing, or the reverse."""
    return any(
        (s.ci_low_pp > 0 or s.ci_high_pp < 0) != (s.p_value < SIGNIFICANT)
        for s in sets
        if s.lost + s.gained and s.n_done == s.n_affected
    )


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], last: Sequence[Sequence[str]]
) -> str:
    """Cells are HTML already; `last` are rows below the line."""

    def lines(of: Sequence[Sequence[str]]) -> str:
        return "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in of)

    head = "".join(f'<th scope="col">{title}</th>' for title in columns)
    foot = f"<tfoot>{lines(last)}</tfoot>" if last else ""
    return (
        f'{STYLE}<div class="board"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines(rows)}</tbody>{foot}</table></div>"
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
        f'<small class="role">{s.role.upper()}</small> {html.escape(s.title)}</span>'
        f'<small class="over">{said}</small>{note}'
    )


def _baseline(s: SetResult) -> str:
    low, high = s.baseline_interval
    return f"<b>{percent(s.baseline_accuracy)}</b> [{percent(low)}, {percent(high)}]"


def _cells(s: SetResult, margin: MeanChange | None, held_out: SetResult | None) -> tuple[str, ...]:
    partial = s.n_done < s.n_affected
    touched = f"n = {s.n}, {s.n_affected} touched{f', {s.n_done} done' if partial else ''}"
    known = known_enough(s)
    accuracy = percent(s.accuracy) if known else "…"
    return (
        _name(s, touched) + _margin(s, margin),
        f"{percent(s.baseline_accuracy)} → <b>{accuracy}</b>",
        (_change(s, partial) if known else "not yet known") + _beside(held_out),
    )


def _margin(s: SetResult, margin: MeanChange | None) -> str:
    """Where accuracy says little, what became of the right answer's margin."""
    if not s.inconclusive or margin is None:
        return ""
    return (
        f'<small class="note">right answer\'s margin {signed(margin.mean, 2)} nats '
        f"[{signed(margin.low, 2)}, {signed(margin.high, 2)}]</small>"
    )


def _change(s: SetResult, partial: bool) -> str:
    change = f"<b>{signed(s.change_pp)} pp</b>"
    if s.lost + s.gained == 0:
        return f"{change} no answer changed{' so far' if partial else ''}"
    return (
        f"{change} [{signed(s.ci_low_pp)}, {signed(s.ci_high_pp)}]"
        f"<small>lost {s.lost}, gained {s.gained}, p {s.p_value:.2g}</small>"
    )


def _beside(s: SetResult | None) -> str:
    """The held-out half, below the change over all."""
    if s is None:
        return ""
    if s.lost + s.gained == 0:
        return f"<small>held-out: no answer changed, n {s.n}</small>"
    interval = f"[{signed(s.ci_low_pp)}, {signed(s.ci_high_pp)}]"
    return f"<small>held-out {signed(s.change_pp)} pp {interval}, n {s.n}</small>"
