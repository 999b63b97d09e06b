"""The harness's figures beside the board's: the same questions, found by the tokens they are.

A question of the harness is one of ours where context and continuations are, token by token, the
row that the board ran. What is asked in other words is not compared.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from backend.data.prompts import pack_cloze
from backend.data.questions import N_CHOICES, Packed, QuestionSets
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation
from backend.judges.harness import Sample
from backend.setups import Scoring
from backend.wording import percent

Tokens = tuple[tuple[int, ...], ...]


class Matched(NamedTuple):
    """Questions of a task that are questions of a set."""

    task: str
    set_name: str
    places: tuple[int, ...]
    """Among all questions of the setup; of each a sample."""
    samples: tuple[Sample, ...]


class Compared(NamedTuple):
    """A task beside a set."""

    task: str
    set_name: str
    n: int
    """Questions that are the same."""
    board: float
    """The board's accuracy over them."""
    harness: float
    """The harness's own."""
    differing: int
    """Questions with another prediction."""
    furthest: float
    """The largest difference of a score, in nats."""

    def in_words(self) -> str:
        predictions = "prediction differs" if self.differing == 1 else "predictions differ"
        same = "the same questions as " + self.set_name if self.task != self.set_name else ""
        return (
            f"{self.task}{f' ({same})' if same else ''}: n {self.n}, board {percent(self.board)}, "
            f"lm-eval {percent(self.harness)}, {self.differing} {predictions}, scores within "
            f"{self.furthest:.1e}"
        )


def _tokens(packed: Packed) -> Tokens:
    return (
        tuple(packed.ids),
        tuple(packed.branch),
        tuple(packed.score_pos),
        tuple(packed.score_token),
        tuple(packed.score_choice),
    )


def matched(
    samples: dict[str, list[Sample]],
    sets: QuestionSets,
    packed: Sequence[Packed],
    tokenizer: PreTrainedTokenizerBase,
) -> list[Matched]:
    """The questions of each task that are ours, with the set that has most of them."""
    known: dict[str, dict[Tokens, int]] = {s.name: {} for s in sets}
    for place, row in enumerate(packed):
        known[sets.at(place)[0].name].setdefault(_tokens(row), place)
    found = []
    for task, rows in samples.items():
        asked = [(sample, _asked(sample, tokenizer)) for sample in rows]
        by_set = [
            Matched(task, name, *zip(*same, strict=True))
            for name, places in known.items()
            if (same := [(places[tokens], s) for s, tokens in asked if tokens in places])
        ]
        # A set of the task's own name goes before another with as many.
        by_set.sort(key=lambda one: (len(one.places), one.set_name == task))
        found += by_set[-1:]
    return found


def _asked(sample: Sample, tokenizer: PreTrainedTokenizerBase) -> Tokens | None:
    """None for what is no question of four options."""
    options = [text[1:] for text in sample.continuations if text[:1] == " "]
    if len(set(sample.contexts)) != 1 or not sample.contexts[0]:
        return None
    if not len(options) == len(sample.log_likelihoods) == N_CHOICES or not all(options):
        return None
    try:
        return _tokens(pack_cloze(tokenizer, sample.contexts[0], options, per_char=False))
    except BadInput:
        return None


def questions_of(found: Sequence[Matched], n: int) -> Bool[Tensor, " question"]:
    """Which of the n questions are compared."""
    only = torch.zeros(n, dtype=torch.bool)
    for one in found:
        only[list(one.places)] = True
    return only


def compared(
    found: Sequence[Matched], evaluation: Evaluation, sets: QuestionSets, scoring: Scoring
) -> list[Compared]:
    """Each task beside its set, by the score that the setup goes by."""
    metric = "acc_norm" if scoring == "cloze_per_char" else "acc"
    out = []
    for task, name, places, samples in found:
        if not all(metric in sample.metrics for sample in samples):
            continue
        theirs = torch.tensor([_scores(sample, scoring) for sample in samples])
        at = torch.tensor(places)
        ours = evaluation.scores[at]
        right = ours.argmax(-1) == sets.answers[at]
        out.append(
            Compared(
                task,
                name,
                len(places),
                float(right.double().mean()),
                sum(sample.metrics[metric] for sample in samples) / len(samples),
                int((ours.argmax(-1) != theirs.argmax(-1)).sum()),
                float((ours - theirs).abs().max()),
            )
        )
    return out


def _scores(sample: Sample, scoring: Scoring) -> list[float]:
    if scoring != "cloze_per_char":
        return list(sample.log_likelihoods)
    texts = [text[1:] for text in sample.continuations]
    return [score / len(text) for score, text in zip(sample.log_likelihoods, texts, strict=True)]
