"""Every setting tried, as a point: forget against retain accuracy; the front of the best of each
kind; two settings side by side.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.data.questions import QuestionSets
from backend.errors import ClampboardError
from backend.evaluation.evaluate import Evaluation
from backend.evaluation.results import Results, Run
from backend.interventions.board import Board, board_of, read_link
from backend.interventions.clamps import Clamps, format_clamps
from backend.interventions.method import Setting, in_words
from backend.interventions.rival import RivalKind, format_rival
from backend.setups import Role
from backend.statistics import Interval, PairedChange, paired_change, wilson

KEPT = 0.99
"""Share of the retain accuracy without clamps that a clamp should leave: the paper's and SAEBench's
line.
"""
Kind = Literal["clamps", "gated clamps", "RMU", "direction", "random direction", "prompt"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What a setting is of, in the order they are listed in."""
_OF_RIVAL: dict[RivalKind, Kind] = {
    "rmu": "RMU",
    "difference-of-means": "direction",
    "projection": "direction",
    "leace": "direction",
    "random-direction": "random direction",
    "prompt": "prompt",
}


def kind_of(setting: Setting) -> Kind:
    """No clamp at all is of the kind of clamps: the point where their front begins."""
    if setting.rival is not None:
        return _OF_RIVAL[setting.rival.kind]
    return "clamps" if setting.method.gate is None else "gated clamps"


class Pooled(NamedTuple):
    """Several sets taken together."""

    right: int
    n: int

    @property
    def percent(self) -> float:
        return 100 * self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> Interval:
        """95 % of the accuracy, in percent (Wilson)."""
        return Interval(*(100 * share for share in wilson(self.right, self.n or 1)))


class Trial(NamedTuple):
    run: Run
    """Without its rows."""
    forget: Pooled
    retain: Pooled
    right: Bool[Tensor, " question"] = torch.empty(0, dtype=torch.bool)
    """Of all questions, whichever the figures are over."""

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def kind(self) -> Kind:
        return kind_of(self.run.setting)


class History:
    """The runs of one setup as trials. A run's file is read once, and again only when it was
    written again.
    """

    def __init__(
        self, results: Results, sets: QuestionSets, baseline: Float[Tensor, "question choice"]
    ):
        self._results = results
        self._sets = sets
        self._before = baseline.argmax(-1) == sets.answers
        self._read: dict[Path, tuple[tuple[int, int], tuple[Run, Tensor] | None]] = {}

    def trials(self, only: Bool[Tensor, " question"] | None = None) -> list[Trial]:
        """Newest first; a damaged file is set aside. `only` restricts the figures to some
        questions.
        """
        read = {}
        for path, stamp in self._results.files():
            seen = self._read.get(path)
            if seen is None or seen[0] != stamp:
                seen = stamp, self._right(self._results.read_file(path))
            read[path] = seen
        self._read = read
        found = [self._trial(*entry, only) for _, entry in read.values() if entry is not None]
        return sorted(found, key=lambda trial: -trial.run.when)

    def baseline(self, only: Bool[Tensor, " question"] | None = None) -> tuple[Pooled, Pooled]:
        """Forget and retain accuracy without clamps."""
        forget = self._pooled(self._before, "forget", only)
        retain = self._pooled(self._before, "retain", only)
        return forget, retain

    def _right(self, run: Run | None) -> tuple[Run, Tensor] | None:
        if run is None:
            return None
        right = self._before.clone()
        if run.rows:
            question = torch.tensor([q for q, _ in run.rows])
            picked = torch.tensor([scores for _, scores in run.rows]).argmax(-1)
            right[question] = picked == self._sets.answers[question]
        return replace(run, rows=[]), right

    def _trial(self, run: Run, right: Tensor, only: Tensor | None) -> Trial:
        forget, retain = (self._pooled(right, role, only) for role in ("forget", "retain"))
        return Trial(run, forget, retain, right)

    def _pooled(self, right: Tensor, role: Role, only: Tensor | None) -> Pooled:
        mine = self._sets.role(role) if only is None else self._sets.role(role) & only
        return Pooled(int((right & mine).sum()), int(mine.sum()))


def board_of_run(run: Run, d_sae: int, present: Board) -> Board:
    """The board as it was when the run was last tried; sliders that were off and the master come
    back with it. A rival goes onto the present board, whose clamps it leaves where they are.
    """
    if run.rival is not None:
        return replace(present, rival=run.rival)
    try:
        board = read_link(dict(run.link), d_sae)
        return board if board.setting() == run.setting else board_of(*run.setting)
    except ClampboardError:
        return board_of(*run.setting)


def front(trials: Iterable[Trial]) -> list[Trial]:
    """The trials that no other one beats: forgets at least as much and retains at least as much. By
    falling retain accuracy.
    """
    best: list[Trial] = []
    for trial in sorted(trials, key=lambda t: (-t.retain.right, t.forget.right)):
        if not best or trial.forget.right < best[-1].forget.right:
            best.append(trial)
    return best


def fronts(trials: Sequence[Trial]) -> dict[Kind, list[Trial]]:
    """The front of each kind that was tried."""
    found = {kind: front(t for t in trials if t.kind == kind) for kind in KINDS}
    return {kind: best for kind, best in found.items() if best}


def best_kept(trials: Iterable[Trial], baseline_retain: Pooled) -> Trial | None:
    """Of the trials that keep 99 % of the retain accuracy, the one that forgets most."""
    kept = [t for t in trials if t.retain.right >= KEPT * baseline_retain.right]
    return min(kept, key=lambda t: (t.forget.right, -t.retain.right), default=None)


@dataclass(frozen=True)
class Versus:
    """One set under two settings; the same questions, so the difference is paired."""

    title: str
    role: Role
    n: int
    a: float
    b: float
    only_a: int
    """Right under A and wrong under B."""
    only_b: int
    change: PairedChange
    """From A to B."""


def versus(sets: QuestionSets, a: Evaluation, b: Evaluation) -> list[Versus]:
    """Two complete evaluations, set by set."""
    out = []
    for s in sets:
        span = sets.span(s.name)
        right_a, right_b = (e.predictions()[span] == sets.answers[span] for e in (a, b))
        only_a = int((right_a & ~right_b).sum())
        only_b = int((right_b & ~right_a).sum())
        n = len(s.questions)
        change = paired_change(only_a, only_b, n)
        shares = int(right_a.sum()) / n, int(right_b.sum()) / n
        out.append(Versus(s.title, s.role, n, *shares, only_a, only_b, change))
    return out


def questions_side_by_side(sets: QuestionSets, a: Evaluation, b: Evaluation) -> pd.DataFrame:
    """Every question with its answer under A and under B, sets one after the other."""
    p_a = a.scores.softmax(-1)
    p_b = b.scores.softmax(-1)
    rows = []
    for q, (s, question) in enumerate(sets.places()):
        said_a, said_b = int(p_a[q].argmax()), int(p_b[q].argmax())
        right = (said_a == question.answer, said_b == question.answer)
        rows.append(
            {
                "right under": {
                    (True, True): "both",
                    (False, False): "neither",
                    (True, False): "only A",
                    (False, True): "only B",
                }[right],
                "question": question.question,
                "right": question.choices[question.answer],
                "a": question.choices[said_a],
                "b": question.choices[said_b],
                "p_a": float(p_a[q, question.answer]),
                "p_b": float(p_b[q, question.answer]),
                "set": s.title,
                "topic": question.topic,
            }
        )
    return pd.DataFrame(rows)


def settings_side_by_side(a: Clamps, b: Clamps) -> pd.DataFrame:
    """Features clamped in A or B, with the value in each (None where it is not clamped)."""
    values_a, values_b = dict(a), dict(b)
    features = sorted({*values_a, *values_b})
    return pd.DataFrame(
        {
            "feature": features,
            "a": [values_a.get(f) for f in features],
            "b": [values_b.get(f) for f in features],
        }
    )


def trial_table(trials: Sequence[Trial], name: dict[str, str]) -> pd.DataFrame:
    """One row a trial, for tables and charts; accuracies in percent. `name` maps a trial's id to
    what it is called; `front` is that of its kind.
    """
    best = {t.id for of_kind in fronts(trials).values() for t in of_kind}
    return pd.DataFrame(
        [
            {
                "id": t.id,
                "star": t.run.star,
                "name": name[t.id],
                "kind": t.kind,
                "features": len(t.run.clamps),
                "values": _span([c.value for c in t.run.clamps]),
                "method": in_words(t.run.method),
                "forget": t.forget.percent,
                "forget_low": t.forget.interval.low,
                "forget_high": t.forget.interval.high,
                "retain": t.retain.percent,
                "retain_low": t.retain.interval.low,
                "retain_high": t.retain.interval.high,
                "front": t.id in best,
                "hypothesis": t.run.hypothesis,
                "note": t.run.note,
                "when": time.strftime("%Y-%m-%d %H:%M", time.localtime(t.run.when)),
                "clamps": format_clamps(t.run.clamps),
                "rival": format_rival(t.run.rival),
            }
            for t in trials
        ]
    )


def _span(values: list[float]) -> str:
    if not values:
        return ""
    return (
        f"{min(values):.0f}"
        if min(values) == max(values)
        else f"{min(values):.0f} to {max(values):.0f}"
    )
