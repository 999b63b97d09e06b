"""A run file beside this engine's own run of the same setting: all that it claims, field by field.

Every figure is computed anew twice, from the file's own scores and by this engine, and every
prediction must be the same. So "the same" proves the headlines: nothing they are made of differs.
It does not prove who made the file, or that a score was not moved within what rounding explains:

* in float32, scores agree within a thousandth of a nat;
* in bfloat16, the same processor gives the same bits, and another kind of processor other bits in
  nearly every question. A score may therefore be off by ten times the median question's difference,
  so by a thousandth where most are the same, and never by more than half a nat. A median above a
  tenth is no rounding. A near tie that another processor turns over is another figure, and is said.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from backend.checked import printable
from backend.engine.engine import Engine
from backend.evaluation.answers import gate_of
from backend.evaluation.evaluate import FIGURES, Evaluation, SetResult
from backend.interventions.rival import parse_rival
from backend.sharing.identity import identity
from backend.sharing.run_file import Claims, GateAnswer, RunFile, RunSet

Verdict = Literal["same", "other figures", "other ingredients"]
EXACT = 1e-3
"""Nats; scores this close are the same in any precision."""
FURTHEST = {"float32": EXACT, "bfloat16": 0.5}
"""Nats; measured between batches of other shapes in bfloat16: up to 0.4."""
TIMES_MEDIAN = 10
LARGEST_MEDIAN = 0.1
CLAIMED = ("role", *FIGURES, "n_affected", "inconclusive")
MOST_LINES = 12
LONGEST_NAME = 60


@dataclass(frozen=True)
class Comparison:
    n: int
    """Questions compared."""
    changed: int
    """Of them, those with another prediction than in the file, without or with the clamps."""
    furthest: float
    """The largest difference of a score, in nats."""
    contradictions: tuple[str, ...]
    """Where the file's figures are not those of its own scores: no ingredient explains that."""
    ingredients: tuple[str, ...]
    """What can change a figure, and is not the same here as where the file was made."""
    figures: tuple[str, ...]
    """What came out otherwise here."""

    @property
    def verdict(self) -> Verdict:
        if self.contradictions:
            return "other figures"
        if self.ingredients:
            return "other ingredients"
        return "other figures" if self.figures else "same"

    def sentence(self) -> str:
        if self.verdict == "same":
            return (
                f"The same figures as in the file: {self.n} questions, every prediction the same; "
                f"scores differ by at most {self.furthest:.2g}."
            )
        compared = (
            f"{self.changed} of {self.n} questions are answered otherwise, scores differ by up to "
            f"{self.furthest:.2g}."
        )
        if self.contradictions:
            return f"The file contradicts itself: it was changed after it was made. {compared}"
        if self.ingredients:
            return f"Not made with the ingredients that are here; for information: {compared}"
        return f"Not the figures of the file: {compared}"

    def lines(self) -> list[str]:
        """What differs, a sentence each, the weightiest first and not more than can be read."""
        found = [*self.contradictions, *self.ingredients, *self.figures]
        more = len(found) - MOST_LINES
        return found[:MOST_LINES] + ([f"And {more} more differences."] if more > 0 else [])


def compare(file: RunFile, evaluation: Evaluation, engine: Engine) -> Comparison:
    """`evaluation` is complete, over all questions, and of the file's setting."""
    claims = file.claims
    comparable = [s for s in claims.sets if _has_questions_of(s, engine)]
    off, turned = _scores_off(comparable, evaluation, engine)
    figures = (
        *_sets(claims, engine),
        *_figures(comparable, evaluation),
        *_scores(off, engine.dtype, turned),
        *_affected(comparable, evaluation, engine),
        *_gates(comparable, evaluation, engine),
    )
    return Comparison(
        len(off),
        turned,
        float(off.max()) if len(off) else 0.0,
        tuple(line for s in claims.sets for line in _contradictions(s)),
        tuple(_ingredients(claims, engine)),
        figures,
    )


def _contradictions(s: RunSet) -> Iterator[str]:
    named = f"The set '{_shown(s.name)}'"
    for what, scores, said in (
        ("baseline_prediction", s.baseline, [q.baseline_prediction for q in s.questions]),
        ("prediction", s.scores, [q.prediction for q in s.questions]),
    ):
        if wrong := int((scores.argmax(-1) != torch.tensor(said)).sum()):
            yield f"{named}: {wrong} of its fields '{what}' are not those of its own scores."
    if wrong := int((s.scores != s.baseline)[~s.affected].any(-1).sum()):
        yield f"{named}: {wrong} questions that no clamp touches have other scores with clamps."
    yield from _unlike(s, s.computed, "by its own scores")


def _unlike(s: RunSet, result: SetResult, where: str) -> Iterator[str]:
    """The figures a file claims for a set that are not the computed ones."""
    for figure in CLAIMED:
        said, found = getattr(s, figure), getattr(result, figure)
        if isinstance(found, float):
            near_zero = 0.0 if figure == "p_value" else 1e-9
            same = math.isclose(said, found, rel_tol=1e-9, abs_tol=near_zero)
        else:
            same = said == found
        if not same:
            yield f"The set '{_shown(s.name)}': {figure} is {said} in the file, {found} {where}."


def _ingredients(claims: Claims, engine: Engine) -> Iterator[str]:
    setup = engine.setup
    named = {
        "the setup": (claims.setup.name, setup.name),
        "the model's name": (claims.setup.model, setup.model.name),
        "the SAE's name": (claims.setup.sae, engine.sae.title),
        "the hook": (claims.setup.hook, engine.sae.hook_name),
    }
    rival = parse_rival(claims.rival)
    here, there = identity(engine, rival), claims.identity
    hashed = {what: (there.get(what), here.get(what)) for what in sorted({*here, *there})}
    for what, (theirs, mine) in (named | hashed).items():
        if theirs != mine:
            begin = _shown(what[:1].upper() + what[1:])
            yield f"{begin}: {_shown(theirs)} in the file, {_shown(mine)} here."


def _shown(value: str | None) -> str:
    if value is None:
        return "not there"
    longest = 12 if len(value) == 64 else LONGEST_NAME
    return printable(value if len(value) <= longest else f"{value[:longest]}…")


def _sets(claims: Claims, engine: Engine) -> Iterator[str]:
    """The setup's sets must be there, each once, with its questions, and no other."""
    times = Counter(s.name for s in claims.sets)
    for name in engine.sets.names:
        if times[name] == 0:
            yield f"The set '{_shown(name)}' is missing in the file."
    for name, n in times.items():
        if name not in engine.sets.names:
            yield f"The set '{_shown(name)}' of the file has no counterpart here."
        elif n > 1:
            yield f"The set '{_shown(name)}' is there {n} times in the file."
    for s in claims.sets:
        if s.name in engine.sets.names and not _has_questions_of(s, engine):
            yield f"The set '{_shown(s.name)}' has other questions here, or other right answers."


def _has_questions_of(s: RunSet, engine: Engine) -> bool:
    mine = [q for here in engine.sets if here.name == s.name for q in here.questions]
    return [(q.index, q.answer) for q in s.questions] == [(q.index, q.answer) for q in mine]


def _figures(sets: list[RunSet], evaluation: Evaluation) -> Iterator[str]:
    here = {result.name: result for result in evaluation.sets}
    for s in sets:
        yield from _unlike(s, here[s.name], "here")


def _scores_off(
    sets: list[RunSet], evaluation: Evaluation, engine: Engine
) -> tuple[Float[Tensor, " question"], int]:
    """How far a question's scores are off at most, and how many questions are answered otherwise;
    without or with the clamps.
    """
    off, turned = [torch.empty(0)], 0
    for s in sets:
        span = engine.sets.span(s.name)
        theirs = torch.stack([s.baseline, s.scores], 1)  # (question, without or with, choice)
        mine = torch.stack([evaluation.baseline[span], evaluation.scores[span]], 1)
        off.append((theirs - mine).abs().flatten(1).amax(-1))
        turned += int((theirs.argmax(-1) != mine.argmax(-1)).any(-1).sum())
    return torch.cat(off), turned


def _scores(off: Float[Tensor, " question"], dtype: str, turned: int) -> Iterator[str]:
    """Whether rounding explains the differences; see above."""
    if turned:
        yield f"{turned} of {len(off)} questions are answered otherwise than in the file."
    if not len(off):
        return
    median = float(off.median())
    most = min(FURTHEST[dtype], max(EXACT, TIMES_MEDIAN * median))
    if median > LARGEST_MEDIAN:
        yield f"Scores of most questions differ by {median:.2g} nats or more: that is no rounding."
    elif beyond := int((off > most).sum()):
        yield (
            f"The scores of {beyond} of {len(off)} questions differ by more than {most:.2g} nats, "
            f"{float(off.max()):.2g} at most: rounding does not explain that."
        )


def _affected(sets: list[RunSet], evaluation: Evaluation, engine: Engine) -> Iterator[str]:
    for s in sets:
        if n := int((s.affected != evaluation.affected[engine.sets.span(s.name)]).sum()):
            yield f"The set '{_shown(s.name)}': {n} questions are touched in one run only."


GATE_EXACT = 1e-5
"""Statistics are rounded to six decimals."""


def _gates(sets: list[RunSet], evaluation: Evaluation, engine: Engine) -> Iterator[str]:
    """What a gate made of the questions, where the file says it."""
    opened = engine.opening(evaluation.setting)
    for s in sets:
        places = range(engine.n_questions)[engine.sets.span(s.name)]
        n = sum(
            not _same_gate(q.gate, None if opened is None else gate_of(opened, place))
            for q, place in zip(s.questions, places, strict=True)
        )
        if n:
            yield f"The set '{_shown(s.name)}': the gate's verdict on {n} questions is another."


def _same_gate(theirs: GateAnswer | None, mine: dict[str, Any] | None) -> bool:
    if theirs is None or mine is None:
        return theirs is mine
    near = math.isclose(theirs.statistic, mine["statistic"], rel_tol=0, abs_tol=GATE_EXACT)
    return near and theirs.open == mine["open"]
