"""What a set of clamps does to every set of questions: exact, and only what changed is computed.

Questions on which no clamped feature fires keep their recorded answer bit for bit; for the others
the edit is added to the recorded residual and the tail of the model runs. Results come as they
grow.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.questions import CHANCE, PREFIX, QuestionSet
from backend.evaluation.recordings import Recording, read_log_probs, row_scores
from backend.interventions.edit import Clamps, residual_edit
from backend.model.attention import Joining
from backend.model.rows import Batch, Halving, Plan, Rows
from backend.model.sae import LoadedSae
from backend.model.split import SplitModel
from backend.statistics import Interval, is_inconclusive, paired_change, wilson


@dataclass(frozen=True)
class SetResult:
    """One set of questions, without and with the clamps. Accuracies are fractions."""

    name: str
    title: str
    role: str
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


@dataclass(frozen=True)
class Evaluation:
    clamps: Clamps
    sets: tuple[SetResult, ...]
    scores: Float[Tensor, "question choice"]
    """Of all questions, sets one after the other; the baseline's where nothing was rerun."""
    affected: Bool[Tensor, " question"]
    done: Bool[Tensor, " question"]
    """Affected questions already rerun."""
    seconds: float

    @property
    def complete(self) -> bool:
        return bool((self.done == self.affected).all())

    def predictions(self) -> Int[Tensor, " question"]:
        return self.scores.argmax(-1)


def affected_questions(recording: Recording, clamps: Clamps) -> Bool[Tensor, " question"]:
    """Questions on which at least one clamped feature fires."""
    out = torch.zeros(recording.rows.n_rows, dtype=torch.bool)
    row_of_token = recording.rows.row_of_token()
    for clamp in clamps:
        out[row_of_token[recording.acts.of(clamp.feature)[0]]] = True
    return out


def summarise(
    sets: Sequence[QuestionSet],
    clamps: Clamps,
    baseline: Tensor,
    scores: Tensor,
    affected: Tensor,
    done: Tensor,
    seconds: float,
    only: Bool[Tensor, " question"] | None = None,
) -> Evaluation:
    """The figures of each set; `only` restricts them to some questions (one half of the quiz, say).

    A partial run is a random sample of the affected questions, so a set of n questions with m of
    its a affected ones done speaks for n * m / a questions: its change is (gained - lost) over that
    number.
    """
    results, begin = [], 0
    for questions in sets:
        span = slice(begin, begin + len(questions.questions))
        begin = span.stop
        mine = (
            torch.ones(len(questions.questions), dtype=torch.bool) if only is None else only[span]
        )
        answer = torch.tensor([question.answer for question in questions.questions])
        right_before = (baseline[span].argmax(-1) == answer) & mine
        right_after = (scores[span].argmax(-1) == answer) & mine
        n = int(mine.sum())
        n_affected = int((affected[span] & mine).sum())
        n_done = int((done[span] & mine).sum())
        lost = int((right_before & ~right_after).sum())
        gained = int((~right_before & right_after).sum())
        change = paired_change(lost, gained, (n * n_done / n_affected if n_done else n) or 1)
        before = int(right_before.sum())
        results.append(
            SetResult(
                questions.name,
                questions.title,
                questions.role,
                n,
                n_affected,
                n_done,
                before / n if n else 0.0,
                wilson(before, n or 1),
                before / n + change.change_pp / 100 if n else 0.0,
                lost,
                gained,
                *change,
                inconclusive=is_inconclusive(before, n or 1, CHANCE),
            )
        )
    return Evaluation(clamps, tuple(results), scores, affected, done, seconds)


def pooled(sets: Sequence[SetResult], role: str) -> SetResult:
    """All sets of one role as one, every question counting once."""
    mine = [s for s in sets if s.role == role]
    n, n_affected, n_done, lost, gained = (
        sum(getattr(s, field) for s in mine)
        for field in ("n", "n_affected", "n_done", "lost", "gained")
    )
    right = round(sum(s.baseline_accuracy * s.n for s in mine))
    change = paired_change(lost, gained, (n * n_done / n_affected if n_done else n) or 1)
    baseline, interval = (right / n, wilson(right, n)) if n else (0.0, wilson(0, 1))
    return SetResult(
        role,
        ", ".join(s.title for s in mine),
        role,
        n,
        n_affected,
        n_done,
        baseline,
        interval,
        baseline + change.change_pp / 100,
        lost,
        gained,
        *change,
        inconclusive=is_inconclusive(right, n or 1, CHANCE),
    )


@torch.inference_mode()
def evaluate(
    model: SplitModel,
    sae: LoadedSae,
    recording: Recording,
    sets: Sequence[QuestionSet],
    clamps: Clamps,
    *,
    scoring: str,
    budget: int,
    halving: Halving,
    only: Bool[Tensor, " question"] | None = None,
) -> Iterator[Evaluation]:
    """Yield a result after each batch; the last one is complete. `only` leaves the other questions
    out.

    With no affected question (an empty clamp set, say) the one result is the baseline, bit for bit.
    """
    start = time.perf_counter()
    rows = recording.rows
    scores = recording.baseline.clone()
    log_probs = recording.log_probs.clone()
    affected = affected_questions(recording, clamps)
    if only is not None:
        affected &= only
    done = torch.zeros_like(affected)
    hit, edit = residual_edit(recording.acts, clamps, sae.W_dec)
    plan = plan_of_change(rows, hit, recording.keys is not None)
    edit = torch.cat([edit, edit.new_zeros(1, edit.shape[1])]).to(model.device)
    slot = torch.full((rows.n_tokens,), len(hit), dtype=torch.int64)
    slot[hit] = torch.arange(len(hit))

    def run(chosen: Tensor) -> None:
        batch = Batch.of(plan, chosen, model.device)
        resid = recording.resid_at(batch.token).to(model.device)
        resid = (resid.float() + edit[slot[batch.token].to(model.device)]).to(resid.dtype)
        entry, log_probs[entry] = read_log_probs(
            model, plan, batch, resid, Joining(recording.keys, batch.context)
        )
        scores[chosen] = row_scores(rows, chosen, log_probs, scoring)
        done[chosen] = True

    def result() -> Evaluation:
        return summarise(
            sets,
            clamps,
            recording.baseline,
            scores.clone(),
            affected,
            done.clone(),
            time.perf_counter() - start,
            only,
        )

    for chosen in led(plan.batches(affected.nonzero().squeeze(-1), budget)):
        for _ in halving.run(chosen, run):
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


def plan_of_change(rows: Rows, hit: Int[Tensor, " hit"], keys_known: bool) -> Plan:
    """What an edit at the tokens `hit` makes necessary to run.

    A token changes if it sees a token that is hit. With known keys only those run, and the others
    they see are context; without, what they see runs too: the prefix, and the branches with a
    change. Branches without one keep their scores.
    """
    row, place = rows.row_of_token(), torch.arange(rows.n_tokens)
    n_groups = int(rows.branch.max()) + 2 if rows.n_tokens else 1
    shared, own = row * n_groups, row * n_groups + rows.branch - PREFIX
    first = torch.full((rows.n_rows * n_groups,), rows.n_tokens).scatter_reduce(
        0, own[hit], hit, "amin"
    )
    changed = (place >= first[shared]) | (place >= first[own])
    in_change = torch.zeros(rows.n_rows * n_groups, dtype=torch.bool)
    in_change[own[changed]] = True
    in_change[shared[changed]] = True
    seen = in_change[own] & ~changed
    return Plan.of(
        rows, changed if keys_known else changed | seen, seen & keys_known, changed[rows.read_at()]
    )
