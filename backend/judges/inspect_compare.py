"""inspect's figures beside the board's, on the questions that both asked.

They are two measurements: inspect reads a letter out of a text that the model writes after
inspect's own prompt, and counts a text without one as wrong; the board asks in the setup's words
and compares the options' probabilities, of which there is always a largest.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from backend.data.questions import LETTERS, QuestionSets
from backend.evaluation.evaluate import Evaluation
from backend.judges.inspect_run import Asked, Judged
from backend.wording import percent

DIFFERENCE = (
    "inspect reads a letter out of a text the model writes, and a text without one is wrong; the "
    "board compares the options' probabilities, in the setup's own words."
)


class Beside(NamedTuple):
    """One task's questions that the board asks too."""

    task: str
    n: int
    inspect: float
    """Accuracies, fractions; inspect's over several epochs is that of all answers."""
    board: float

    def in_words(self) -> str:
        return (
            f"{self.task}: {self.n} of its questions are the board's too. Right by inspect "
            f"{percent(self.inspect)}, by the board {percent(self.board)}."
        )


def same_questions(
    tasks: Sequence[Judged], sets: QuestionSets
) -> list[tuple[str, dict[int, list[Asked]]]]:
    """Of each task, its answers to questions of the setup, by the question's place among all.

    A question is the same where its text, its options and the right one are.
    """
    places = {
        (q.question.strip(), tuple(choice.strip() for choice in q.choices)): place
        for place, q in enumerate(sets.questions)
    }
    found = []
    for task in tasks:
        at: dict[int, list[Asked]] = {}
        for one in task.asked:
            same = (one.question.strip(), tuple(choice.strip() for choice in one.choices))
            place = places.get(same)
            if place is not None and one.target == LETTERS[sets.questions[place].answer]:
                at.setdefault(place, []).append(one)
        found.append((task.task, at))
    return [(task, at) for task, at in found if at]


def asked_of(
    same: Sequence[tuple[str, dict[int, list[Asked]]]], n_questions: int
) -> Bool[Tensor, " question"]:
    """The questions that any of the tasks shares with the board."""
    only = torch.zeros(n_questions, dtype=torch.bool)
    only[[place for _, at in same for place in at]] = True
    return only


def beside(
    same: Sequence[tuple[str, dict[int, list[Asked]]]], evaluation: Evaluation, sets: QuestionSets
) -> list[Beside]:
    right = evaluation.predictions() == sets.answers
    out = []
    for task, at in same:
        answers = [one.right for given in at.values() for one in given]
        out.append(
            Beside(
                task, len(at), sum(answers) / len(answers), float(right[list(at)].double().mean())
            )
        )
    return out
