"""Multiple-choice questions: how they lie packed in tokens, and scoring. backend.data.prompts packs
them.

A question becomes one packed row: a prefix, and one branch per option that sees the prefix and
itself only. The last token of an option is left out: nothing reads what the model says after it.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.errors import BadInput
from backend.setups import Role

PREFIX = -1
"""Branch number of the tokens that all branches of a row share."""


LETTERS = "ABCD"
N_CHOICES = 4
CHANCE = 1 / N_CHOICES


@dataclass(frozen=True)
class Question:
    index: int
    """Row in its own set, from 0; of a sample, or where rows were left out, the row in the whole.
    """
    topic: str
    question: str
    choices: tuple[str, str, str, str]
    answer: int
    """0 to 3."""
    subject: str = ""
    """What the prompt says the questions are about, such as "high school geography"."""


@dataclass(frozen=True)
class QuestionSet:
    name: str
    title: str
    role: Role
    questions: tuple[Question, ...]
    examples: tuple[Question, ...] = ()
    """Worked examples (MMLU's dev split), in their order."""
    shots: int = 0
    skipped: str = ""
    """Which rows of the data set were no questions, in words; empty if every row was one."""

    def worked(self, question: Question) -> tuple[Question, ...]:
        """The worked examples that go before a question: the first of its own subject. Raises
        BadInput if there are too few.
        """
        found = tuple(example for example in self.examples if example.subject == question.subject)[
            : self.shots
        ]
        if len(found) < self.shots:
            raise BadInput(
                f"{self.title}: {self.shots} worked examples about {question.subject} were asked"
                f" for, but there are {len(found)}."
            )
        return found


def selection_half(sets: Sequence[QuestionSet], seed: int | None) -> list[bool]:
    """Which questions, sets one after the other, features may be chosen on; the others are held
    out.

    Even rows of each set; with a seed, a random half of each, the larger one where a set has an odd
    number.
    """
    if seed is None:
        return [question.index % 2 == 0 for s in sets for question in s.questions]
    chosen: list[bool] = []
    for s in sets:
        half = [place < -(-len(s.questions) // 2) for place in range(len(s.questions))]
        random.Random(f"{seed} {s.name}").shuffle(half)
        chosen += half
    return chosen


@dataclass(frozen=True)
class Packed:
    """One question in tokens. `score_*` are the log-probabilities its score is made of, one entry
    each.
    """

    ids: list[int]
    branch: list[int]
    """PREFIX, or which branch the token belongs to; prefix first."""
    score_pos: list[int]
    """Position whose prediction is read."""
    score_token: list[int]
    """Token whose probability is read."""
    score_choice: list[int]
    """Option it counts for."""
    score_weight: list[float]
    """What its log-probability is multiplied by: 1, or one over the option's characters."""


def branch_positions(branch: Sequence[int]) -> list[int]:
    """Position ids: each branch goes on where the prefix ends."""
    n_prefix = sum(b == PREFIX for b in branch)
    seen: dict[int, int] = {}
    positions = []
    for b in branch:
        seen[b] = seen.get(b, 0 if b == PREFIX else n_prefix) + 1
        positions.append(seen[b] - 1)
    return positions


def choice_scores(
    log_probs: Float[Tensor, " entry"],
    choice: Int[Tensor, " entry"],
    row: Int[Tensor, " entry"],
    n_rows: int,
    scoring: str,
) -> Float[Tensor, "row choice"]:
    """Scores of each row's options: sum (cloze) or maximum (letter) over the option's weighted
    entries.

    Four columns; more where a row holds more than one ordering of its options, the options of one
    after those of the other.
    """
    width = max(N_CHOICES, int(choice.max()) + 1 if len(choice) else 0)
    cell = row * width + choice
    if scoring == "letter":
        flat = torch.full((n_rows * width,), -math.inf, dtype=log_probs.dtype).scatter_reduce(
            0, cell, log_probs, "amax"
        )
    else:
        flat = torch.zeros(n_rows * width, dtype=log_probs.dtype).index_add(0, cell, log_probs)
    return flat.view(n_rows, width)
