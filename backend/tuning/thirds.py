"""The selection half, parted once more: what multipliers are fitted on, and what stops them."""

from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from backend.data.questions import QuestionSets


class Thirds(NamedTuple):
    """Two masks over all questions; the held-out half is in neither."""

    fit: Bool[Tensor, " question"]
    stop: Bool[Tensor, " question"]


def thirds(sets: QuestionSets, selection: Bool[Tensor, " question"]) -> Thirds:
    """Of each set's selected questions, in their order, every third one stops; the others fit."""
    stop = torch.zeros_like(selection)
    for s in sets:
        span = sets.span(s.name)
        mine = selection[span].nonzero().squeeze(-1) + span.start
        stop[mine[2::3]] = True
    return Thirds(selection & ~stop, stop)
