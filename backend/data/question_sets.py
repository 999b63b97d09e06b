"""Sets of multiple-choice questions, read from whatever form they are kept in.

Text is kept as the data set has it, spaces included: what a prompt strips is the prompt's business.
A row that is no question is left out and named; nothing is guessed in its place.
"""

import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from backend.data.layouts import those_there
from backend.data.questions import LETTERS, N_CHOICES, Question, QuestionSet
from backend.data.sources import Broken, rows
from backend.errors import BadInput
from backend.rim import shown, whole
from backend.setups import SetSource

log = logging.getLogger(__name__)

SAMPLE_SEED = 0
NAMED = 5
"""How many of the rows that are left out are named."""
MOST_QUESTION = 200_000
"""Characters of a question, or of a choice: more than any model reads."""
DIGITS = ("0", "1", "2", "3")
"""Answers as some data sets keep them: numbers from 0, as text."""
ALL_SUBJECTS = "all"
MMLU_SUBJECTS = (
    "abstract_algebra", "anatomy", "astronomy", "business_ethics", "clinical_knowledge",
    "college_biology", "college_chemistry", "college_computer_science", "college_mathematics",
    "college_medicine", "college_physics", "computer_security", "conceptual_physics",
    "econometrics", "electrical_engineering", "elementary_mathematics", "formal_logic",
    "global_facts", "high_school_biology", "high_school_chemistry", "high_school_computer_science",
    "high_school_european_history", "high_school_geography", "high_school_government_and_politics",
    "high_school_macroeconomics", "high_school_mathematics", "high_school_microeconomics",
    "high_school_physics", "high_school_psychology", "high_school_statistics",
    "high_school_us_history", "high_school_world_history", "human_aging", "human_sexuality",
    "international_law", "jurisprudence", "logical_fallacies", "machine_learning", "management",
    "marketing", "medical_genetics", "miscellaneous", "moral_disputes", "moral_scenarios",
    "nutrition", "philosophy", "prehistory", "professional_accounting", "professional_law",
    "professional_medicine", "professional_psychology", "public_relations", "security_studies",
    "sociology", "us_foreign_policy", "virology", "world_religions",
)  # fmt: skip


class Skipped(NamedTuple):
    """A row that is no question."""

    subject: str
    number: int
    """From 1, in its own data set."""
    why: str


@dataclass
class LeftOut:
    """Rows that are no questions: how many, and the first of them."""

    first: list[Skipped] = field(default_factory=list)
    n: int = 0

    def add(self, row: Skipped) -> None:
        self.n += 1
        if len(self.first) < NAMED:
            self.first.append(row)


def read_set(source: SetSource) -> QuestionSet:
    """The questions of a set.

    Raises BadInput if there is none, or if the data cannot be read; Unavailable if the hub does not
    give them.
    """
    parts = parts_of(source)
    questions, skipped = _read(source, parts)
    title = source.title
    n = len(questions)
    of = f"{n:,} in {len(parts)} subjects" if source.without else f"{n:,}"
    if source.limit is not None and source.limit < n:
        title = f"{title}, {source.limit:,} of {of}"
        drawn = random.Random(SAMPLE_SEED).sample(range(n), source.limit)
        questions = [questions[i] for i in sorted(drawn)]
    elif source.without:
        title = f"{title}, {of}"
    said = skipped_in_words(source.title, skipped)
    if said:
        log.warning(said)
    return QuestionSet(
        source.name, title, source.role, tuple(questions), _examples(source), source.shots, said
    )


def parts_of(source: SetSource) -> tuple[str, ...]:
    """The subjects a set is read from; none for a set of one data set.

    Raises BadInput where one is left out that is none of them, or where none is left.
    """
    parts = MMLU_SUBJECTS if source.subjects == (ALL_SUBJECTS,) else source.subjects
    for name in source.without:
        if name not in parts:
            raise BadInput(
                f"The set '{source.name}' is to do without '{name}', which is none of its "
                f"subjects; {those_there(name, parts)}."
            )
    left = tuple(part for part in parts if part not in source.without)
    if source.without and not left:
        raise BadInput(f"The set '{source.name}' is to do without all of its subjects; leave some.")
    return left


def _examples(source: SetSource) -> tuple[Question, ...]:
    if not source.shots:
        return ()
    if source.examples is None:
        return tuple(_read(replace(source, split="dev"), parts_of(source))[0])
    from_file = replace(source, file=source.examples, folder=None, dataset=None, local=None)
    return tuple(_read(from_file, ())[0])


def _read(source: SetSource, parts: tuple[str, ...]) -> tuple[list[Question], LeftOut]:
    questions: list[Question] = []
    skipped = LeftOut()
    for index, (part, number, row) in enumerate(_rows_of_set(source, parts)):
        try:
            questions.append(_question(row, index, source, part if parts else ""))
        except ValueError as error:
            skipped.add(Skipped(part, number, str(error)))
    if not questions:
        first = "".join(f" Row {s.number}: {s.why}." for s in skipped.first[:1])
        raise BadInput(
            f"There is no question of the set '{source.name}' in {source.place()}.{first}"
        )
    return questions, skipped


def _rows_of_set(source: SetSource, subjects: Sequence[str]) -> Iterator[tuple[str, int, Any]]:
    """The rows, without those that a file of several sets says belong to another one."""
    for subject, number, row in rows(source, subjects):
        if not isinstance(row, dict) or row.get("set", source.name) == source.name:
            yield subject, number, row


def _question(row: Any, index: int, source: SetSource, part: str) -> Question:
    """A row of a set, or of one of its parts. Raises ValueError saying what does not fit."""
    if isinstance(row, Broken):
        raise ValueError(row.why)
    if isinstance(row, list):
        if len(row) != N_CHOICES + 2:
            raise ValueError(f"it has {len(row)} cells, not question, four choices and answer")
        row = {"question": row[0], "choices": row[1:-1], "answer": row[-1]}
    if not isinstance(row, dict):
        raise ValueError("it is no object with question, choices and answer")
    if missing := [name for name in ("question", "choices", "answer") if row.get(name) is None]:
        raise ValueError(f"it has no {missing[0]}")
    question = _text(row["question"], "question")
    if not question.strip():
        raise ValueError("its question is no text")
    own = row.get("subject") or part or source.subject or source.name
    own = _text(own, "subject").replace("_", " ")
    topic = _text(row.get("topic") or own, "topic")
    # Of several parts, whose rows name theirs in some forms of the data and not in others.
    over_all = source.subject if source.subjects else None
    subject = (over_all or own).replace("_", " ")
    choices = _choices(row["choices"])
    return Question(index, topic, question, choices, _answer(row["answer"]), subject)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"its {name} is no text")
    if len(value) > MOST_QUESTION:
        raise ValueError(f"its {name} has {len(value):,} characters")
    try:
        return whole(value, f"its {name}")
    except BadInput as error:
        raise ValueError(f"its {name} holds half a character (a lone surrogate)") from error


def _choices(value: Any) -> tuple[str, str, str, str]:
    if (
        not isinstance(value, list)
        or len(value) != N_CHOICES
        or not all(isinstance(choice, str) and choice.strip() for choice in value)
    ):
        raise ValueError("it needs four choices, each a text and none empty")
    a, b, c, d = (_text(choice, "choices") for choice in value)
    return a, b, c, d


def _answer(value: Any) -> int:
    if isinstance(value, str) and value.strip() in tuple(LETTERS):
        return LETTERS.index(value.strip())
    if isinstance(value, str) and value.strip() in DIGITS:
        return DIGITS.index(value.strip())
    if type(value) is int and value in range(N_CHOICES):
        return value
    said = repr(value) if isinstance(value, str) else f"'{shown(value)}'"
    raise ValueError(f"its answer is {said[:22]}, not 0 to 3 or A to D")


def skipped_in_words(title: str, skipped: LeftOut) -> str:
    """A sentence for the page; empty without a skipped row."""
    if not skipped.n:
        return ""
    named = "; ".join(
        f"row {s.number}{f' of {s.subject}' if s.subject else ''}: {s.why}" for s in skipped.first
    )
    more = f"; and {skipped.n - NAMED:,} more" if skipped.n > NAMED else ""
    rows_left_out = f"{skipped.n:,} {'row' if skipped.n == 1 else 'rows'} left out"
    return f"{title}: {rows_left_out} ({named}{more})."
