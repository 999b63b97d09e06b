"""Habits of answering that look like forgetting on a board of accuracies: one letter, one length.
Pure.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from backend.data.questions import LETTERS, Question
from backend.evaluation.light import Light
from backend.statistics import mcnemar_p
from backend.wording import percent

SHIFT, SHIFT_P = 0.10, 0.01
"""A habit of answering counts as new when its share rose by this much, and by more than chance
(exact McNemar).
"""
STANDS = 0.90
"""A habit stands before the clamps where it decides this share of the answers, and more of them
than the right answers do (by SHIFT, and by more than chance, as above): then no more than a tenth
of the questions can show what the clamps do, and accuracy is that of the habit. Farrell et al. call
62 % of one letter a collapse; a set may well have most of its right answers at one length.
"""
MASS_KEPT = 0.5
"""Letter mass below this share of what it was means that the model no longer answers with a letter.
"""


def rose(before: Bool[Tensor, " n"], after: Bool[Tensor, " n"]) -> bool:
    """Whether the share of True rose by SHIFT or more, paired, and not by chance."""
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    return gained - lost >= SHIFT * len(before) and mcnemar_p(lost, gained) < SHIFT_P


def stands(right: Bool[Tensor, " n"], before: Bool[Tensor, " n"]) -> bool:
    """Whether a habit decides the answers without clamps: see STANDS. `right`: where the right
    answer is what the habit takes; `before`: where it was taken.
    """
    return int(before.sum()) >= STANDS * len(before) and rose(right, before)


def _stood(habit: str, right: Bool[Tensor, " n"], before: Bool[Tensor, " n"]) -> str:
    """What a habit that stands is said to be; empty for one that does not."""
    if not stands(right, before):
        return ""
    chosen, fits = (percent(float(of.float().mean()), 0) for of in (before, right))
    return (
        f" Without clamps {habit} is already chosen for {chosen}, and right for {fits}: the "
        "figures show this habit, not what is known."
    )


def letters(answers: Tensor, before: Tensor, after: Tensor, fewer: str) -> Light:
    was, now = before.argmax(-1), after.argmax(-1)
    flagged = [i for i in range(len(LETTERS)) if rose(was == i, now == i)]
    stood = "".join(_stood(LETTERS[i], answers == i, was == i) for i in range(len(LETTERS)))
    counts = ", ".join(
        f"{letter} {int((was == i).sum())} → {int((now == i).sum())}"
        for i, letter in enumerate(LETTERS)
    )
    return Light(
        "No collapse to a letter",
        not flagged and not stood,
        f"Letters chosen, without → with, over {len(was)} questions: {counts}.{stood}",
        "A model that answers mostly one letter has lost the task, not the subject; one that does "
        "so without clamps never had it.",
        f"{fewer}, and repeat with the options in other orders.",
    )


def letter_mass(before: Tensor, after: Tensor, weaken: str) -> Light:
    was, now = float(before.exp().sum(-1).mean()), float(after.exp().sum(-1).mean())
    return Light(
        "Still answers with a letter",
        now >= MASS_KEPT * was,
        f"Probability of A, B, C and D together: {was:.2f} → {now:.2f} on average over "
        f"{len(before)} questions.",
        "When the four letters lose their probability the model no longer answers the question; "
        "which letter is likeliest then says little.",
        f"{weaken}, and read what the model writes instead.",
    )


def lengths(questions: Sequence[Question], before: Tensor, after: Tensor, fewer: str) -> Light:
    of_options = torch.tensor([[len(choice) for choice in q.choices] for q in questions])
    answers = torch.tensor([q.answer for q in questions])
    of_answer = of_options[torch.arange(len(of_options)), answers]
    parts, flagged, stood = [], False, ""
    for name, extreme in (("longest", of_options.amax(-1)), ("shortest", of_options.amin(-1))):
        was, now = (
            of_options.gather(1, scores.argmax(-1, keepdim=True)).squeeze(-1) == extreme
            for scores in (before, after)
        )
        flagged |= rose(was, now)
        stood += _stood(f"the {name}", of_answer == extreme, was)
        shares = (percent(float(taken.float().mean()), 0) for taken in (was, now))
        parts.append(f"the {name} {' → '.join(shares)}")
    return Light(
        "No collapse to a length",
        not flagged and not stood,
        f"Options chosen, without → with, over {len(questions)} questions: {', '.join(parts)}."
        f"{stood}",
        "A damaged model reads out whichever option is cheapest to say, often the shortest: it has "
        "lost the task, not the subject; one that does so without clamps never had it.",
        f"{fewer}; compare with the controls, or a random direction.",
    )
