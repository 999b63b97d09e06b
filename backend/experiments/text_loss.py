"""Text loss added: what clamps cost on ordinary text, as cross-entropy in nats a token (Farrell,
Lau and Conmy 2024, "loss added").

A row of text is packed like a question with one option, its own continuation: its score is the sum
of its tokens' log-probabilities. So a slider move costs what it costs on questions: rows on which
no clamped feature fires keep their loss.
"""

import math
from contextlib import closing
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from backend.data.questions import NO_QUESTIONS
from backend.engine.engine import Engine
from backend.evaluation.evaluate import evaluate
from backend.evaluation.results import scores_of
from backend.interventions.method import Setting
from backend.progress import OnProgress, Pace, silent
from backend.statistics import Z95
from backend.store import if_it_can_be_kept


@dataclass(frozen=True)
class TextLoss:
    """Cross-entropies are means over tokens, in nats; the first token of a row is not predicted."""

    title: str
    n_tokens: int
    n_rows: int
    n_affected: int
    """Rows on which a clamped feature fires."""
    baseline: float
    clamped: float
    added: float
    ci_low: float
    """95 % interval of `added` over rows: how far it would be another on other rows of this kind of
    text.
    """
    ci_high: float


def summarise_loss(
    title: str,
    tokens: Float[Tensor, " row"],
    before: Float[Tensor, " row"],
    after: Float[Tensor, " row"],
    n_affected: int,
) -> TextLoss:
    """From each row's number of predicted tokens and its log-probability without and with clamps.
    Pure.

    `added` is a ratio of sums, and its standard error that of a ratio estimator: sqrt(R / (R - 1) *
    sum((d - added * n)^2)) / sum(n) over the R rows of n tokens that lose d nats (Cochran 1977,
    section 6.4).
    """
    rows = len(tokens)
    n = tokens.double()
    before = before.double()
    after = after.double()
    change, total = before - after, float(n.sum())
    added = float(change.sum()) / total
    half = (
        Z95 * math.sqrt(float(((change - added * n) ** 2).sum()) * rows / (rows - 1)) / total
        if rows > 1
        else math.inf
    )
    baseline = -float(before.sum()) / total
    return TextLoss(
        title,
        int(total),
        rows,
        n_affected,
        baseline,
        baseline + added,
        added,
        added - half,
        added + half,
    )


def finished_loss(engine: Engine, setting: Setting) -> TextLoss | None:
    """What the setting adds, if that was ever measured."""
    if engine.text is None:
        return None
    _, recording, results, _ = engine.text
    setting = engine.check(setting)
    action = engine.evaluator.action(setting, recording, "cloze")
    if action.affected.any() and results.read(setting) is None:
        return None
    return text_loss(engine, setting)


def text_loss(
    engine: Engine, setting: Setting, on_progress: OnProgress = silent
) -> TextLoss | None:
    """What the setting adds on the setup's text; None for a setup without one. Raising from
    `on_progress` cancels.

    A complete run is kept and answers at once when asked again.
    """
    if engine.text is None:
        return None
    setting = engine.check(setting)
    title, recording, results, kept = engine.text
    action = engine.evaluator.action(setting, recording, "cloze")
    affected = action.affected
    if (run := results.read(setting)) is not None:
        after, _ = scores_of(run, recording.baseline)
    elif not affected.any():
        after = recording.baseline
    else:
        with engine.turn(on_progress, "text loss"):
            pace = Pace("Measuring the loss on text", int(affected.sum()), on_progress)
            done = 0
            runs = evaluate(engine.runner, recording, NO_QUESTIONS, setting, action, kept=kept)
            with closing(runs):
                for part in runs:
                    pace.advance(int(part.done.sum()) - done)
                    done = int(part.done.sum())
        after = part.scores
        with if_it_can_be_kept("A finished loss on text"):
            results.write(setting, after, affected, part.seconds)
    tokens = recording.rows.score_start.diff()
    before, n_affected = recording.baseline[:, 0], int(affected.sum())
    return summarise_loss(title, tokens, before, after[:, 0], n_affected)


def in_words(loss: TextLoss) -> str:
    """One line for a terminal."""
    return (
        f"   text  {loss.title}: cross-entropy {loss.baseline:.4f} -> {loss.clamped:.4f} nats a "
        f"token, {loss.added:+.4f} [{loss.ci_low:+.4f}, {loss.ci_high:+.4f}] over {loss.n_rows} "
        f"rows, {loss.n_tokens:,} tokens, {loss.n_affected} rows touched"
    )
