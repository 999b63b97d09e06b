"""What a setting does to every set of questions: exact, and only what changed is computed.

Questions on which no clamped feature fires, or whose gate stays closed, keep their recorded answer
bit for bit. Of the others those are looked up to which the same was done before; for the rest the
edit is added to the recorded residual and the tail of the model runs, or whatever else the setting
comes to (backend.evaluation.action). Results come as they grow.
"""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.questions import CHANCE, QuestionSets
from backend.evaluation.action import Action
from backend.evaluation.kept_answers import KeptAnswers
from backend.evaluation.recordings import Recording
from backend.interventions.clamps import Clamps
from backend.interventions.method import Setting
from backend.model.runner import Runner
from backend.setups import Role
from backend.statistics import Counted, Interval, is_inconclusive, partial_change, wilson
from backend.store import if_it_can_be_kept

FIGURES = (
    "n",
    "baseline_accuracy",
    "accuracy",
    "lost",
    "gained",
    "change_pp",
    "ci_low_pp",
    "ci_high_pp",
    "p_value",
)
"""The fields of SetResult that every table of results has."""


@dataclass(frozen=True)
class SetResult:
    """One set of questions, without and with the clamps. Accuracies are fractions."""

    name: str
    title: str
    role: Role
    n: int
    n_affected: int
    """Questions with a clamped feature firing where it can change the answer."""
    n_done: int
    """Affected questions whose answer is known so far; n_affected when the run is complete."""
    baseline_accuracy: float
    baseline_interval: Interval
    accuracy: float
    """While partial: the baseline plus the change estimated from what is done so far."""
    lost: int
    gained: int
    change_pp: float
    ci_low_pp: float
    ci_high_pp: float
    p_value: float
    inconclusive: bool
    """The baseline's 95 % interval contains chance."""
    sure_pp: float = 0.0
    """While partial, the final change is within this of `change_pp`, 95 times in 100; infinite
    while nothing can be said.
    """
    known: Counted = Counted(0, 0, 0)
    """While partial, what was known before the run began, of what is done."""

    @property
    def waiting(self) -> bool:
        """Whether nothing is known yet of what has to be run."""
        return self.n_done == self.known.n < self.n_affected

    def figures(self) -> dict[str, float]:
        """The figures by name, in the order the command line prints them."""
        return {name: getattr(self, name) for name in FIGURES}


@dataclass(frozen=True)
class Evaluation:
    setting: Setting
    sets: tuple[SetResult, ...]
    scores: Float[Tensor, "question choice"]
    """Of all questions, sets one after the other; the baseline's where nothing was rerun."""
    baseline: Float[Tensor, "question choice"]
    """Without the clamps, by the same path."""
    affected: Bool[Tensor, " question"]
    done: Bool[Tensor, " question"]
    """Affected questions whose answer is known."""
    seconds: float
    """Of the run that computed it."""
    known: Bool[Tensor, " question"] | None = None
    """Those of them that were known before, as the same edit had been made to them; None: none."""
    kept: float | None = None
    """Unix time of that run where it was read back; None where it ran for this answer."""

    @property
    def clamps(self) -> Clamps:
        return self.setting.clamps

    @property
    def complete(self) -> bool:
        return bool((self.done == self.affected).all())

    @property
    def n_known(self) -> int:
        """Affected questions whose answer was known before it ran."""
        return 0 if self.known is None else int(self.known.sum())

    @property
    def n_run(self) -> int:
        """Questions that ran for it, so far."""
        return int(self.done.sum()) - self.n_known

    def predictions(self) -> Int[Tensor, " question"]:
        return self.scores.argmax(-1)


def summarise(
    sets: QuestionSets,
    setting: Setting,
    baseline: Float[Tensor, "question choice"],
    scores: Float[Tensor, "question choice"],
    affected: Bool[Tensor, " question"],
    done: Bool[Tensor, " question"],
    seconds: float,
    only: Bool[Tensor, " question"] | None = None,
    known: Bool[Tensor, " question"] | None = None,
) -> Evaluation:
    """The figures of each set; `only` restricts them to some questions (one half of the quiz, say).

    What was `known` before a run counts as it is; what has run is a random sample of the rest of
    the affected questions (backend.statistics.partial_change).
    """
    known = torch.zeros_like(done) if known is None else known
    results = []
    for s in sets:
        span = sets.span(s.name)
        mine = torch.ones(len(s.questions), dtype=torch.bool) if only is None else only[span]
        before = (baseline[span].argmax(-1) == sets.answers[span]) & mine
        after = (scores[span].argmax(-1) == sets.answers[span]) & mine
        figures = _figures(
            (s.name, s.title, s.role),
            n=_count(mine),
            n_affected=_count(affected[span] & mine),
            n_done=_count(done[span] & mine),
            right=_count(before),
            lost=_count(before & ~after),
            gained=_count(after & ~before),
            known=Counted(
                _count(known[span] & mine),
                _count(before & ~after & known[span]),
                _count(after & ~before & known[span]),
            ),
        )
        results.append(figures)
    return Evaluation(setting, tuple(results), scores, baseline, affected, done, seconds, known)


def pooled(sets: Sequence[SetResult], role: Role) -> SetResult:
    """All sets of one role as one, every question counting once."""
    mine = [s for s in sets if s.role == role]
    return _figures(
        (role, ", ".join(s.title for s in mine), role),
        n=sum(s.n for s in mine),
        n_affected=sum(s.n_affected for s in mine),
        n_done=sum(s.n_done for s in mine),
        right=round(sum(s.baseline_accuracy * s.n for s in mine)),
        lost=sum(s.lost for s in mine),
        gained=sum(s.gained for s in mine),
        known=Counted(*(sum(counts) for counts in zip(*(s.known for s in mine), strict=True)))
        if mine
        else Counted(0, 0, 0),
    )


def sure_to(sets: Sequence[SetResult]) -> float:
    """The final changes of all forget and of all retain questions are within so many points of
    those shown, 95 times in 100; 0 where everything is done.
    """
    return max(pooled(sets, role).sure_pp for role in get_args(Role))


def _figures(
    named: tuple[str, str, Role],
    *,
    n: int,
    n_affected: int,
    n_done: int,
    right: int,
    lost: int,
    gained: int,
    known: Counted,
) -> SetResult:
    """The figures from counts: of n questions `right` were answered right without the clamps."""
    sample = Counted(n_done - known.n, lost - known.lost, gained - known.gained)
    change, sure_pp = partial_change(known, sample, n_affected - known.n, n or 1)
    baseline = right / n if n else 0.0
    return SetResult(
        *named,
        n,
        n_affected,
        n_done,
        baseline,
        wilson(right, n or 1),
        baseline + change.change_pp / 100 if n else 0.0,
        lost,
        gained,
        *change,
        is_inconclusive(right, n or 1, CHANCE),
        sure_pp,
        known if n_done < n_affected else Counted(0, 0, 0),
    )


def _count(mask: Bool[Tensor, " question"]) -> int:
    return int(mask.sum())


@torch.inference_mode()
def evaluate(
    runner: Runner,
    recording: Recording,
    sets: QuestionSets,
    setting: Setting,
    action: Action,
    *,
    only: Bool[Tensor, " question"] | None = None,
    kept: KeptAnswers | None = None,
) -> Generator[Evaluation, None, None]:
    """Yield a result after each batch; the last one is complete. `action` is what the setting comes
    to; `only` leaves the other questions out.

    `kept` answers are looked up, and those that run are added to them; what ran is added too where
    the generator is closed before its end.

    With no affected question (an empty clamp set, say) the one result is the baseline, bit for bit.
    """
    start = time.perf_counter()
    affected = action.affected if only is None else action.affected & only
    scores, known = recording.baseline.clone(), torch.zeros_like(affected)
    keys: dict[int, bytes] = {}
    if kept is not None:
        places = affected.nonzero().squeeze(-1)
        found = action.keys(places, kept.salt)
        there, answers = kept.find(found)
        keys = dict(zip(places.tolist(), found, strict=True))
        known[places[there]] = True
        scores[places[there]] = answers
    done = known.clone()

    def result() -> Evaluation:
        return summarise(
            sets,
            setting,
            recording.baseline,
            scores.clone(),
            affected,
            done.clone(),
            time.perf_counter() - start,
            only,
            known,
        )

    missing = (affected & ~known).nonzero().squeeze(-1)
    if not len(missing):
        yield result()
        return
    plan, run = action.start()
    try:
        batches = plan.batches(missing, runner.budget)
        n_first = int(plan.query.lengths()[batches[0]].sum())
        # A small batch is there as soon as a part of it, and so is one padded to the whole budget.
        if runner.step < runner.budget < 2 * n_first:
            batches = led(batches)
        for chosen in batches:
            for ran, answers in runner.halving.run(chosen, run):
                scores[ran] = answers
                done[ran] = True
                if kept is not None and runner.invariant:
                    kept.add([keys[row] for row in ran.tolist()], answers)
                yield result()
    finally:
        if kept is not None:
            with if_it_can_be_kept("Answers"):
                kept.write()


def led(batches: list[Int[Tensor, " row"]]) -> list[Int[Tensor, " row"]]:
    """The same batches with an eighth of the first one before them: a first figure comes in an
    eighth of a batch's time.
    """
    if not batches:
        return []
    lead = -(-len(batches[0]) // 8)
    return [part for part in (batches[0][:lead], batches[0][lead:]) if len(part)] + batches[1:]
