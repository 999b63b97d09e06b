"""Every setting tried, as a point: forget against retain accuracy; the front of the best of each
kind.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.data.questions import QuestionSets
from backend.errors import ClampboardError
from backend.evaluation.results import Results, Run
from backend.interventions.board import Board, board_of, read_link
from backend.interventions.method import Setting, in_words
from backend.interventions.names import strengths, values_text
from backend.interventions.rival import RivalKind, format_rival
from backend.setups import Role
from backend.statistics import Interval, PairedChange, paired_change, wilson
from backend.wording import points

KEPT = 0.99
"""Share of the retain accuracy without clamps that a clamp should leave: the paper's and SAEBench's
line.
"""
NO_CHANGE = "no change"
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
    lost: int = 0
    """Right without the setting and wrong with it."""
    gained: int = 0

    @property
    def percent(self) -> float:
        return 100 * self.right / self.n if self.n else 0.0

    @property
    def interval(self) -> Interval:
        """95 % of the accuracy, in percent (Wilson)."""
        return Interval(*(100 * share for share in wilson(self.right, self.n or 1)))

    @property
    def change(self) -> PairedChange:
        """From the accuracy without the setting."""
        return paired_change(self.lost, self.gained, self.n or 1)


class Trial(NamedTuple):
    run: Run
    """Without its rows."""
    forget: Pooled
    retain: Pooled
    right: Bool[Tensor, " question"] = torch.empty(0, dtype=torch.bool)
    """Of all questions, whichever the figures are over."""
    swept: bool = False
    """A point of a sweep, which the user did not try by itself."""

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def kind(self) -> Kind:
        return kind_of(self.run.setting)


_Seen = dict[Path, tuple[tuple[int, int], tuple[Run, Tensor] | None]]


class History:
    """The runs of one setup as trials. A run's file is read once, and again only when it was
    written again.
    """

    def __init__(
        self,
        results: Results,
        sets: QuestionSets,
        baseline: Float[Tensor, "question choice"],
        swept: Results | None = None,
    ):
        """`swept` has the points of sweeps."""
        self._results = results
        self._swept = swept
        self._sets = sets
        self._before = baseline.argmax(-1) == sets.answers
        self._seen: dict[Results, _Seen] = {}

    def trials(
        self, only: Bool[Tensor, " question"] | None = None, *, swept: bool = False
    ) -> list[Trial]:
        """Newest first; a damaged file is set aside. `only` restricts the figures to some
        questions; with `swept` the points of sweeps are among them, but for those that were tried
        by themselves too.
        """
        found = {t.id: t for t in self._trials(self._results, only)}
        if swept and self._swept is not None:
            points = (t._replace(swept=True) for t in self._trials(self._swept, only))
            found = {t.id: t for t in points} | found
        return sorted(found.values(), key=lambda trial: -trial.run.when)

    def _trials(self, results: Results, only: Tensor | None) -> Iterable[Trial]:
        before, read = self._seen.get(results, {}), {}
        for path, stamp in results.files():
            seen = before.get(path)
            if seen is None or seen[0] != stamp:
                seen = stamp, self._right(results.read_file(path))
            read[path] = seen
        self._seen[results] = read
        return (self._trial(*entry, only) for _, entry in read.values() if entry is not None)

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
        counted = (right, mine.new_ones(()), self._before & ~right, right & ~self._before)
        return Pooled(*(int((questions & mine).sum()) for questions in counted))


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


def trial_table(
    trials: Sequence[Trial],
    name: Mapping[str, str],
    max_act: Callable[[int], float] = lambda _: 0.0,
    held_out: Iterable[Trial] = (),
) -> pd.DataFrame:
    """One row a trial, for tables and charts; accuracies in percent, changes in points.

    `name` maps a trial's id to what it is called; `max_act` is a feature's largest activation;
    `held_out` are the same trials over that half. `front` is that of its kind, without the points
    of sweeps.
    """
    best = {
        t.id for of_kind in fronts([t for t in trials if not t.swept]).values() for t in of_kind
    }
    half = {t.id: t for t in held_out}
    return pd.DataFrame(
        [
            {
                "id": t.id,
                "star": t.run.star,
                "name": name[t.id],
                "kind": t.kind,
                "swept": t.swept,
                "features": len(t.run.clamps),
                "strength": strengths(t.run.clamps, max_act) if t.run.clamps else "",
                "method": in_words(t.run.method),
                **_figures("forget", t.forget),
                **_figures("retain", t.retain),
                "held_forget": _change(half.get(t.id), "forget"),
                "held_retain": _change(half.get(t.id), "retain"),
                "n": f"{t.forget.n} forget, {t.retain.n} retain",
                "front": t.id in best,
                "hypothesis": t.run.hypothesis,
                "note": t.run.note,
                "when": time.strftime("%Y-%m-%d %H:%M", time.localtime(t.run.when)),
                "clamps": values_text(t.run.clamps),
                "rival": format_rival(t.run.rival),
            }
            for t in trials
        ]
    )


def _change(trial: Trial | None, role: Role) -> float:
    """In points; NaN without a trial."""
    if trial is None:
        return float("nan")
    return (trial.forget if role == "forget" else trial.retain).change.change_pp


def _figures(role: Role, pooled: Pooled) -> dict[str, float | str]:
    change = pooled.change
    said = points(change.change_pp, change.ci_low_pp, change.ci_high_pp)
    return {
        role: pooled.percent,
        f"{role}_low": pooled.interval.low,
        f"{role}_high": pooled.interval.high,
        f"{role}_change": change.change_pp,
        f"{role}_change_low": change.ci_low_pp,
        f"{role}_change_high": change.ci_high_pp,
        f"{role}_said": said if pooled.lost + pooled.gained else NO_CHANGE,
    }
