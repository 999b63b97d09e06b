"""Multiple-choice questions: how they lie packed in tokens, and scoring.

backend.data.prompts packs them.
A question becomes one packed row: a prefix, and one branch per option that sees the prefix and
itself only. The last token of an option is left out: nothing reads what the model says after it.
"""

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.errors import BadInput
from backend.setups import Role, Scoring
from backend.wording import no_such_set

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
        """The worked examples that go before a question: the first of its own subject.

        Raises BadInput if there are too few.
        """
        found = [example for example in self.examples if example.subject == question.subject]
        found = found[: self.shots]
        if len(found) < self.shots:
            raise BadInput(
                f"{self.title}: {self.shots} worked examples about {question.subject} were asked "
                f"for, but there are {len(found)}."
            )
        return tuple(found)


@dataclass(frozen=True)
class QuestionSets:
    """All question sets of a setup in a row: a question's place is its number among all of them.

    Masks and scores are over all questions, in the order of their places.
    """

    sets: tuple[QuestionSet, ...]

    def __iter__(self) -> Iterator[QuestionSet]:
        return iter(self.sets)

    def __len__(self) -> int:
        """How many sets."""
        return len(self.sets)

    def __getitem__(self, number: int) -> QuestionSet:
        return self.sets[number]

    @property
    def names(self) -> list[str]:
        return [s.name for s in self.sets]

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        return tuple(question for s in self.sets for question in s.questions)

    @cached_property
    def answers(self) -> Int[Tensor, " question"]:
        """The right option of each question."""
        return torch.tensor([question.answer for question in self.questions], dtype=torch.int64)

    @cached_property
    def set_of(self) -> Int[Tensor, " question"]:
        """The number of each question's set."""
        sizes = torch.tensor([len(s.questions) for s in self.sets], dtype=torch.int64)
        return torch.repeat_interleave(torch.arange(len(self.sets)), sizes)  # set -> question

    @cached_property
    def _spans(self) -> dict[str, slice]:
        ends = list(accumulate(len(s.questions) for s in self.sets))
        begins = [0, *ends[:-1]]
        return {s.name: slice(*span) for s, *span in zip(self.sets, begins, ends, strict=True)}

    def span(self, name: str) -> slice:
        """The places of one set. Raises BadInput for a name there is none of."""
        if name not in self._spans:
            raise BadInput(no_such_set(name, self.names))
        return self._spans[name]

    def role(self, role: Role) -> Bool[Tensor, " question"]:
        """Questions of all sets of a role."""
        return self.named([s.name for s in self.sets if s.role == role])

    def named(self, names: Iterable[str]) -> Bool[Tensor, " question"]:
        """Questions of these sets. Raises BadInput for a name there is none of."""
        mask = torch.zeros(len(self.questions), dtype=torch.bool)
        for name in sorted(names):
            mask[self.span(name)] = True
        return mask

    def at(self, place: int) -> tuple[QuestionSet, Question]:
        """The question at a place, and its set."""
        return self.sets[int(self.set_of[place])], self.questions[place]

    def places(self) -> Iterator[tuple[QuestionSet, Question]]:
        """Every question with its set, in their order."""
        return ((s, question) for s in self.sets for question in s.questions)

    def selection(self, seed: int | None) -> Bool[Tensor, " question"]:
        """Questions that features may be chosen on; the others are held out.

        Even rows of each set; with a seed, a random half of each, the larger one where a set has an
        odd number.
        """
        if seed is None:
            return torch.tensor([question.index % 2 == 0 for question in self.questions])
        chosen: list[bool] = []
        for s in self.sets:
            half = [place < -(-len(s.questions) // 2) for place in range(len(s.questions))]
            random.Random(f"{seed} {s.name}").shuffle(half)
            chosen += half
        return torch.tensor(chosen)


NO_QUESTIONS = QuestionSets(())
"""For rows that are no questions of a set: text, or one question in many orders."""


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
    scoring: Scoring,
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
