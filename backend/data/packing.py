"""Every question in tokens, but for those the model cannot read whole."""

import logging
from collections.abc import Iterable
from dataclasses import replace

from transformers import PreTrainedTokenizerBase

from backend.data.prompts import pack
from backend.data.questions import Packed, Question, QuestionSet, QuestionSets, branch_positions
from backend.errors import BadInput
from backend.setups import Protocol

log = logging.getLogger(__name__)

NAMED = 5
"""How many of the questions that are left out are named."""

InTokens = dict[tuple[str, int], Packed]
"""By the name of its set, and its row there."""


def pack_sets(
    tokenizer: PreTrainedTokenizerBase,
    sets: Iterable[QuestionSet],
    protocol: Protocol,
    longest: int | None,
) -> tuple[QuestionSets, InTokens]:
    """The questions in tokens, and the sets without those of more than `longest` positions.

    A prompt with its worked examples and the longest of its options counts; None is no bound. What
    is left out is named in the set's `skipped`. Raises BadInput where nothing is left of a set, or
    a question cannot be asked.
    """
    left: list[QuestionSet] = []
    found: InTokens = {}
    for s in sets:
        fits: list[Question] = []
        too_long: list[tuple[Question, int]] = []
        for question in s.questions:
            packed = pack(tokenizer, question, protocol, s.worked(question))
            n = max(branch_positions(packed.branch)) + 1
            if longest is not None and n > longest:
                too_long.append((question, n))
            else:
                fits.append(question)
                found[s.name, question.index] = packed
        left.append(_without(s, fits, too_long, longest))
    return QuestionSets(tuple(left)), found


def _without(
    s: QuestionSet, fits: list[Question], too_long: list[tuple[Question, int]], longest: int | None
) -> QuestionSet:
    if not too_long:
        return s
    named = ", ".join(f"row {q.index + 1} with {n:,}" for q, n in too_long[:NAMED])
    more = f", and {len(too_long) - NAMED:,} more" if len(too_long) > NAMED else ""
    rows = "question is" if len(too_long) == 1 else "questions are"
    said = (
        f"{s.title}: {len(too_long):,} {rows} left out, longer than the {longest:,} tokens this "
        f"model reads ({named}{more})."
    )
    if not fits:
        raise BadInput(f"{said} None is left: take shorter questions, or another model.")
    log.warning(said)
    return replace(s, questions=tuple(fits), skipped=f"{s.skipped} {said}".strip())
