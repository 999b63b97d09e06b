"""Multiple-choice questions: reading them, putting them into words, packing them into tokens, and scoring.

A question becomes one packed row: a prefix, and one branch per option that sees the prefix and itself only.
The last token of an option is left out: nothing reads what the model says after it.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from backend.errors import BadInput
from backend.setups import Role, SetSource

LETTERS = "ABCD"
N_CHOICES = 4
CHANCE = 1 / N_CHOICES
PREFIX = -1
"""Branch number of the tokens all options share."""


@dataclass(frozen=True)
class Question:
    index: int
    """Row in its own set, from 0."""
    topic: str
    question: str
    choices: tuple[str, str, str, str]
    answer: int
    """0 to 3."""


@dataclass(frozen=True)
class QuestionSet:
    name: str
    title: str
    role: Role
    questions: tuple[Question, ...]


def read_set(source: SetSource) -> QuestionSet:
    """The rows of a JSONL file that belong to the set. Raises BadInput naming the line that is not a question."""
    questions: list[Question] = []
    for number, line in enumerate(source.file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            if row.get("set", source.name) != source.name:
                continue
            questions.append(_question(row, len(questions)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f'{source.file}, line {number}: not a question ({error}). Expected {{"question": text, "choices": [four texts], "answer": 0 to 3}}.'
            ) from error
    if not questions:
        raise BadInput(f"{source.file} holds no question of the set '{source.name}'.")
    return QuestionSet(source.name, source.title, source.role, tuple(questions))


def _question(row: dict, index: int) -> Question:
    choices = tuple(str(choice).strip() for choice in row["choices"])
    if len(choices) != N_CHOICES or not all(choices):
        raise ValueError("it needs four choices, none empty")
    if row["answer"] not in range(N_CHOICES):
        raise ValueError("its answer must be 0, 1, 2 or 3")
    return Question(index, str(row.get("topic", "")), str(row["question"]).strip(), choices, int(row["answer"]))


def cloze_prompt(question: Question) -> tuple[str, list[str]]:
    """lm-evaluation-harness's `mmlu_continuation`: the question, and each option as a continuation."""
    return f"Question: {question.question}\nAnswer:", [f" {choice}" for choice in question.choices]


def letter_prompt(question: Question, header: str) -> str:
    """Farrell et al., unlearning/var.py and metrics.py, for models without a chat template."""
    options = "".join(f"\n{letter}. {choice}" for letter, choice in zip(LETTERS, question.choices, strict=True))
    return f"{header}{question.question}{options}\nAnswer:"


@dataclass(frozen=True)
class Packed:
    """One question in tokens. `score_*` are the log-probabilities its score is made of, one entry each."""

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


def pack_cloze(tokenizer: PreTrainedTokenizerBase, question: Question, per_char: bool) -> Packed:
    """Sum of the option's token log-probabilities (lm-eval's `acc`), or that divided by the option's length in
    characters (its `acc_norm`); context and continuation are split as lm-eval does.
    """
    prefix, continuations = cloze_prompt(question)
    context = tokenizer(prefix)["input_ids"]
    ids, branch = list(context), [PREFIX] * len(context)
    pos, token, choice, weight = [], [], [], []
    for option, continuation in enumerate(continuations):
        tail = tokenizer(prefix + continuation)["input_ids"][len(context) :]
        if not tail:
            raise BadInput(f"Question {question.index}: the option '{question.choices[option]}' adds no token to the prompt.")
        pos += [len(context) - 1, *range(len(ids), len(ids) + len(tail) - 1)]
        token += tail
        choice += [option] * len(tail)
        weight += [1 / len(question.choices[option]) if per_char else 1.0] * len(tail)
        ids += tail[:-1]
        branch += [option] * (len(tail) - 1)
    return Packed(ids, branch, pos, token, choice, weight)


def pack_letter(tokenizer: PreTrainedTokenizerBase, question: Question, header: str) -> Packed:
    """One prediction; each letter counts with the likelier of "A" and " A" (Farrell et al., metrics.py)."""
    ids = tokenizer(letter_prompt(question, header))["input_ids"]
    token, choice = [], []
    for option, letter in enumerate(LETTERS):
        for text in (letter, f" {letter}"):
            piece = tokenizer(text, add_special_tokens=False)["input_ids"]
            if len(piece) == 1:
                token.append(piece[0])
                choice.append(option)
    if set(choice) != set(range(N_CHOICES)):
        raise BadInput("This model's tokenizer has no single token for a letter A to D: use cloze scoring.")
    return Packed(ids, [PREFIX] * len(ids), [len(ids) - 1] * len(token), token, choice, [1.0] * len(token))


def header_of(set_name: str) -> str:
    return f"The following are multiple choice questions (with answers) about {set_name.replace('_', ' ')}.\n"


def pack(tokenizer: PreTrainedTokenizerBase, question: Question, set_name: str, scoring: str) -> Packed:
    if scoring == "letter":
        return pack_letter(tokenizer, question, header_of(set_name))
    return pack_cloze(tokenizer, question, per_char=scoring == "cloze_per_char")


def tree_mask(branch: Int[Tensor, "row pos"], real: Bool[Tensor, "row pos"]) -> Bool[Tensor, "row 1 pos pos"]:
    """Who sees whom: earlier tokens of the prefix or of one's own branch. Padding sees itself, so no row is empty."""
    n = branch.shape[1]
    earlier = torch.ones(n, n, dtype=torch.bool, device=branch.device).tril()
    shared = branch[:, None, :] == PREFIX
    own = branch[:, :, None] == branch[:, None, :]
    seen = earlier & (shared | own) & real[:, None, :]
    return (seen | torch.eye(n, dtype=torch.bool, device=branch.device)).unsqueeze(1)


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
    log_probs: Float[Tensor, " entry"], choice: Int[Tensor, " entry"], row: Int[Tensor, " entry"], n_rows: int, scoring: str
) -> Float[Tensor, "row choice"]:
    """Scores of the four options of each row: sum (cloze) or maximum (letter) over the option's weighted entries."""
    cell = row * N_CHOICES + choice
    if scoring == "letter":
        flat = torch.full((n_rows * N_CHOICES,), -math.inf, dtype=log_probs.dtype).scatter_reduce(0, cell, log_probs, "amax")
    else:
        flat = torch.zeros(n_rows * N_CHOICES, dtype=log_probs.dtype).index_add(0, cell, log_probs)
    return flat.view(n_rows, N_CHOICES)


def read_corpus(file: Path, where: str | None) -> list[str]:
    """The texts of a JSONL file. Raises BadInput naming the line that has none."""
    texts = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            if where is None or row["role"] == where:
                texts.append(str(row["text"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f'{file}, line {number}: a JSON object with a "text" was expected.') from error
    return texts
