"""The margin of a question's right answer followed back to the activations that made it: one
backward pass over the tail, from the recordings.

margin = score of the right option minus the mean score of the wrong ones (Farrell, Lau and Conmy
2024; their logit difference).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.questions import N_CHOICES
from backend.evaluation.recordings import Recording, batch_scores
from backend.model.activations import FeatureActs
from backend.model.batches import Batch
from backend.model.rows import Plan
from backend.model.runner import Runner
from backend.progress import OnProgress, Pace
from backend.setups import Scoring

if TYPE_CHECKING:
    from backend.model.split import SplitModel


class Pushes(NamedTuple):
    """What single activations add to the margin of the question they are in."""

    question: Int[Tensor, " entry"]
    feature: Int[Tensor, " entry"]
    pushed: Float[Tensor, " entry"]
    """Activation times what one more unit of the feature does there (float64)."""
    n_tokens: int
    """Of the questions."""


class Trace(NamedTuple):
    """Margins followed back to activations, some questions at a time."""

    runner: Runner
    recording: Recording
    plan: Plan
    right: Int[Tensor, " question"]
    scoring: Scoring
    entries: tuple[Tensor, Tensor, Tensor]
    """See `by_token`."""
    question: Int[Tensor, " token"]
    """Each token's."""

    @classmethod
    def of(
        cls, runner: Runner, recording: Recording, right: Int[Tensor, " question"], scoring: Scoring
    ) -> "Trace":
        rows = recording.rows
        entries, question = by_token(recording.acts, rows.n_tokens), rows.row_of_token()
        return cls(runner, recording, Plan.whole(rows), right, scoring, entries, question)

    def pace(self, chosen: Sequence[Bool[Tensor, " question"]], on_progress: OnProgress) -> Pace:
        """Counts the tokens of all chosen questions."""
        n_tokens = sum(int(self.plan.query.lengths()[group].sum()) for group in chosen)
        return Pace("Tracing the right answers back to features", n_tokens, on_progress)

    def through(
        self, chosen: Bool[Tensor, " question"], run: Callable[[Int[Tensor, " row"]], None]
    ) -> None:
        """`run` of the chosen questions, batch by batch."""
        for _ in self.runner.batches(self.plan, chosen.nonzero().squeeze(-1), run):
            pass

    def back(self, rows: Int[Tensor, " row"]) -> Pushes:
        """One backward pass over these questions together."""
        start, feature, value = self.entries
        batch = self.runner.batch(self.plan, rows)
        grad = margin_gradient(
            self.runner.model, self.recording, self.plan, batch, self.right, self.scoring
        )
        grad = grad[0, : batch.n]
        # What one more unit of a feature does at each token: (token, d_sae).
        effect = (grad.float() @ self.runner.sae.W_dec.float().T).cpu()
        token = batch.tokens
        counts = start[token + 1] - start[token]
        # The entries of these tokens, one token's after the other's: (entry).
        before = torch.repeat_interleave(start[token] - counts.cumsum(0) + counts, counts)
        entry = before + torch.arange(int(counts.sum()))
        place = torch.repeat_interleave(torch.arange(len(token)), counts)  # entry -> its token
        pushed = value[entry] * effect[place, feature[entry]]
        return Pushes(self.question[token[place]], feature[entry], pushed.double(), len(token))


def margin_gradient(
    model: "SplitModel",
    recording: Recording,
    plan: Plan,
    batch: Batch,
    right: Int[Tensor, " question"],
    scoring: Scoring,
) -> Float[Tensor, "1 n d_model"]:
    """The gradient of each question's margin by its own residuals at the hook."""
    resid = recording.resid_at(batch.token).to(model.device).requires_grad_(True)
    with torch.enable_grad():
        scores = batch_scores(model, plan, batch, resid, scoring)
        (grad,) = torch.autograd.grad(margin(scores, right[batch.rows]).sum(), resid)
    return grad


def margin(scores: Float[Tensor, "row choice"], right: Tensor) -> Float[Tensor, " row"]:
    """The right option's score minus the mean of the wrong ones'."""
    mine = scores.gather(1, right[:, None]).squeeze(1)
    return mine - (scores.sum(1) - mine) / (N_CHOICES - 1)


def by_token(acts: FeatureActs, n_tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    """The same entries in the order of tokens: token t owns start[t] .. start[t + 1] of feature and
    value.
    """
    order = torch.argsort(acts.token, stable=True)
    feature = torch.repeat_interleave(torch.arange(acts.d_sae), acts.counts())[order]
    start = torch.cat(
        [
            torch.zeros(1, dtype=torch.int64),
            torch.bincount(acts.token.long(), minlength=n_tokens).cumsum(0),
        ]
    )
    return start, feature, acts.value[order].float()
