"""What is to be made small: the right answers' odds on forget questions, and how far the answers to
retain questions move. Pure.

Followed downhill, where a slope is wanted wherever something can be gained:

    slope = mean over known forget questions of -ln(1 - p(right))
          + retain weight * mean over retain questions of KL(p without clamps || p)

Asked which of several is better, where one question is to count as one:

    loss = mean over known forget questions of p(right)
         + retain weight * mean over retain questions of sum |p - p without clamps| / 2

p is the softmax of a question's option scores. The first term of the slope is the softplus of the
right option's margin over all others together, ln(p / (1 - p)). Its second has no upper end: two
retain questions that are lost for certain outweigh forty that are forgotten, so that it is not what
is chosen by. A forget question is known if the model answers it right without clamps: of the others
there is nothing to forget.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import softplus


class Counts(NamedTuple):
    """Questions that each term is a mean over."""

    forget: int
    retain: int


@dataclass(frozen=True)
class Asked:
    """Questions, and what is known of them without clamps."""

    baseline: Float[Tensor, "row choice"]
    right: Int[Tensor, " row"]
    known: Bool[Tensor, " row"]
    """Forget questions that are answered right; so none is of both terms."""
    retain: Bool[Tensor, " row"]

    def at(self, rows: Tensor) -> "Asked":
        """Some of them, by a mask or by place."""
        return Asked(self.baseline[rows], self.right[rows], self.known[rows], self.retain[rows])

    @property
    def counts(self) -> Counts:
        return Counts(int(self.known.sum()), int(self.retain.sum()))


def margins(
    scores: Float[Tensor, "row choice"], right: Int[Tensor, " row"]
) -> Float[Tensor, " row"]:
    """ln(p / (1 - p)) of the right option: its score over all others together."""
    mine = scores.gather(1, right[:, None])
    others = scores.scatter(1, right[:, None], -torch.inf)
    return mine.squeeze(1) - others.logsumexp(1)


def loss(scores: Float[Tensor, "row choice"], asked: Asked, retain_weight: float) -> float:
    """Of these questions: 0 to 1, and as much again for each unit of the weight. A term without
    questions is 0.
    """
    n_forget, n_retain = asked.counts
    p, before = scores.softmax(-1), asked.baseline.softmax(-1)
    right = p.gather(1, asked.right[:, None]).squeeze(1)
    forget = float(right[asked.known].sum())
    moved = float((p - before)[asked.retain].abs().sum()) / 2
    return forget / max(1, n_forget) + retain_weight * moved / max(1, n_retain)


def slope(
    scores: Float[Tensor, "row choice"],
    asked: Asked,
    retain_weight: float,
    counts: Counts | None = None,
) -> Float[Tensor, ""]:
    """Of these questions; differentiable. With the `counts` of all, those of batches add up to that
    of all. A term without questions is 0.
    """
    n_forget, n_retain = asked.counts if counts is None else counts
    forget = softplus(margins(scores[asked.known], asked.right[asked.known])).sum()
    before = asked.baseline[asked.retain].log_softmax(-1)
    after = scores[asked.retain].log_softmax(-1)
    moved = (before.exp() * (before - after)).sum()
    return forget / max(1, n_forget) + retain_weight * moved / max(1, n_retain)


def best_tau(
    taus: Sequence[float],
    statistic: Float[Tensor, "row choice"],
    edited: Float[Tensor, "row choice"],
    asked: Asked,
    retain_weight: float,
) -> float:
    """The tau with the least loss. A closed sequence keeps its recorded score and an open one has
    its edited one, so that one pass with all open gives the scores behind every tau.

    Of equals the largest, which opens least.
    """

    def of(tau: float) -> float:
        scores = torch.where(statistic > tau, edited, asked.baseline)
        return loss(scores, asked, retain_weight)

    return min(taus, key=lambda tau: (of(tau), -tau))
