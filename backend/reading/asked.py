"""Which question is looked at, and its text in a link."""

from typing import NamedTuple

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.rim import shown


class Asked(NamedTuple):
    """Which question, as a link and the command line say it."""

    set: str
    """Name of its set."""
    row: int
    """Row in its set, from 0."""

    def __str__(self) -> str:
        return f"{self.set}:{self.row}"


def parse_asked(text: str) -> Asked:
    """A question from text such as "biology:3". Raises BadInput."""
    name, _, row = text.rpartition(":")
    if not name or not row.isdecimal() or not row.isascii() or len(row) > 9:
        raise BadInput(
            f"There is no question {shown(text)}: name a set and a row in it, such as biology:3."
        )
    return Asked(name, int(row))


def asked_at(engine: Engine, place: int) -> Asked:
    """The question at that place among all."""
    questions, question = engine.sets.at(place)
    return Asked(questions.name, question.index)
