"""The 24-order check: is a question answered right whatever the order its options stand in?

From Farrell, Lau and Conmy 2024. All orders of a question are one packed row: what their prompts
share, once, then a branch an order, each with four scores.
"""

import itertools
import os.path
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from backend.data.prompts import pack
from backend.data.questions import N_CHOICES, PREFIX, Packed, Question
from backend.setups import Protocol

Order = tuple[int, ...]
ORDERS: tuple[Order, ...] = tuple(itertools.permutations(range(N_CHOICES)))
"""ORDERS[o][i] is the option that stands at letter i in order o; the first is the question's own.
"""
N_ORDERS = len(ORDERS)


def pack_orders(
    tokenizer: PreTrainedTokenizerBase,
    question: Question,
    protocol: Protocol,
    worked: Sequence[Question],
) -> Packed:
    """Every order of the question's options as one row, in letter scoring.

    score_choice is 4 * order + letter.
    """
    packed = [pack(tokenizer, _reordered(question, order), protocol, worked) for order in ORDERS]
    ids = list(os.path.commonprefix([p.ids[:-1] for p in packed]))
    branch = [PREFIX] * len(ids)
    n_shared = len(ids)
    pos: list[int] = []
    token: list[int] = []
    choice: list[int] = []
    weight: list[float] = []
    for order, p in enumerate(packed):
        own = p.ids[n_shared:]
        ids += own
        branch += [order] * len(own)
        pos += [len(ids) - 1] * len(p.score_token)
        token += p.score_token
        choice += [N_CHOICES * order + letter for letter in p.score_choice]
        weight += p.score_weight
    return Packed(ids, branch, pos, token, choice, weight)


def _reordered(question: Question, order: Order) -> Question:
    a, b, c, d = (question.choices[option] for option in order)
    return replace(question, choices=(a, b, c, d))


def picks(scores: Float[Tensor, "row order_choice"]) -> Int[Tensor, "row order"]:
    """The option picked in each order, as numbered in the question."""
    letter = scores.view(len(scores), N_ORDERS, N_CHOICES).argmax(-1)
    orders = torch.tensor(ORDERS).expand(len(scores), -1, -1)
    # (row, order, letter) at (row, order, 1) -> (row, order)
    return orders.gather(2, letter[..., None]).squeeze(-1)


def right(
    scores: Float[Tensor, "row order_choice"], questions: Sequence[Question]
) -> Bool[Tensor, "row order"]:
    """Whether each order is answered right."""
    return picks(scores) == torch.tensor([question.answer for question in questions])[:, None]
