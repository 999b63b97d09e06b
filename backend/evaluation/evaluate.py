"""What a setting does to every set of questions: exact, and only what changed is computed.

Questions on which no clamped feature fires, or whose gate stays closed, keep their recorded answer
bit for bit; for the others the edit is added to the recorded residual and the tail of the model
runs. Results come as they grow.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.questions import CHANCE, QuestionSets
from backend.evaluation.change import plan_of_change
from backend.evaluation.recordings import Recording, read_log_probs, row_scores
from backend.interventions.clamps import Clamps
from backend.interventions.edit import add_edit, residual_edit
from backend.interventions.gates import Rates, opening
from backend.interventions.method import Setting
from backend.model.attention import Joining
from backend.model.rows import Batch
from backend.model.runner import Runner
from backend.setups import Role, Scoring
from backend.statistics import Interval, is_inconclusive, paired_change, wilson

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
    """Affected questions rerun so far; n_affected when the run is complete."""
    baseline_accuracy: float
    baseline_interval: Interval
    accuracy: float
    """While partial: the baseline plus the change estimated from the affected questions done so
    far.
    """
    lost: int
    gained: int
    change_pp: float
    ci_low_pp: float
    ci_high_pp: float
    p_value: float
    inconclusive: bool
    """The baseline's 95 % interval contains chance."""

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
    """Affected questions already rerun."""
    seconds: float
    """Of the run that computed it."""
    kept: float | None = None
    """Unix time of that run where it was read back; None where it ran for this answer."""

    @property
    def clamps(self) -> Clamps:
        return self.setting.clamps

    @property
    def complete(self) -> bool:
        return bool((self.done == self.affected).all())

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
) -> Evaluation:
    """The figures of each set; `only` restricts them to some questions (one half of the quiz, say).

    A partial run is a random sample of the affected questions, so a set of n questions with m of
    its a affected ones done speaks for n * m / a questions: its change is (gained - lost) over that
    number.
    """
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
        )
        results.append(figures)
    return Evaluation(setting, tuple(results), scores, baseline, affected, done, seconds)


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
    )


def _figures(
    named: tuple[str, str, Role],
    *,
    n: int,
    n_affected: int,
    n_done: int,
    right: int,
    lost: int,
    gained: int,
) -> SetResult:
    """The figures from counts: of n questions `right` were answered right without the clamps."""
    # A run that has done a part of what is affected speaks for that part of the set.
    speaks_for = (n * n_done / n_affected if n_done else n) or 1
    change = paired_change(lost, gained, speaks_for)
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
        inconclusive=is_inconclusive(right, n or 1, CHANCE),
    )


def _count(mask: Bool[Tensor, " question"]) -> int:
    return int(mask.sum())


@torch.inference_mode()
def evaluate(
    runner: Runner,
    recording: Recording,
    sets: QuestionSets,
    setting: Setting,
    *,
    scoring: Scoring,
    rates: Rates | None = None,
    only: Bool[Tensor, " question"] | None = None,
) -> Iterator[Evaluation]:
    """Yield a result after each batch; the last one is complete. `only` leaves the other questions
    out; `rates` are needed by a cusum gate alone.

    With no affected question (an empty clamp set, say) the one result is the baseline, bit for bit.
    """
    start = time.perf_counter()
    model, rows = runner.model, recording.rows
    scores = recording.baseline.clone()
    log_probs = recording.log_probs.clone()
    opened = opening(rows, recording.acts, setting, rates)
    open_at = None if opened is None else opened.tokens
    hit, edit = residual_edit(recording.acts, setting, runner.sae.W_dec, open_at)
    plan = plan_of_change(rows, hit, recording.keys is not None, opened)
    affected = plan.entries.lengths() > 0
    if only is not None:
        affected &= only
    done = torch.zeros_like(affected)
    # One more row of zeros, which every token that is not hit is given: (hit + 1, d_model).
    edit = torch.cat([edit, edit.new_zeros(1, edit.shape[1])]).to(model.device)
    slot = torch.full((rows.n_tokens,), len(hit), dtype=torch.int64)
    slot[hit] = torch.arange(len(hit))

    def run(chosen: Tensor) -> None:
        batch = Batch.of(plan, chosen, model.device)
        resid = recording.resid_at(batch.token).to(model.device)
        added = edit[slot[batch.token].to(model.device)]  # (row, q, d_model)
        resid = add_edit(resid, added, setting.method.keep_norm)
        joining = Joining(recording.keys, batch.context)
        entry, log_probs[entry] = read_log_probs(model, plan, batch, resid, joining)
        scores[chosen] = row_scores(rows, chosen, log_probs, scoring)
        done[chosen] = True

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
        )

    for chosen in led(plan.batches(affected.nonzero().squeeze(-1), runner.budget)):
        for _ in runner.halving.run(chosen, run):
            yield result()
    if not affected.any():
        yield result()


def led(batches: list[Int[Tensor, " row"]]) -> list[Int[Tensor, " row"]]:
    """The same batches with a quarter of the first one before them: a first figure comes in a
    quarter of a batch's time.
    """
    if not batches:
        return []
    lead = -(-len(batches[0]) // 4)
    return [part for part in (batches[0][:lead], batches[0][lead:]) if len(part)] + batches[1:]
