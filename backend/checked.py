"""Values from outside against their shape, by pydantic: a misfit is a sentence naming the field."""

import re
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from backend.errors import BadInput

T = TypeVar("T")
LONGEST_SHOWN = 40
"""Characters of a field's name or a value in a sentence on it."""


def checked(shape: type[T], value: object, named: str) -> T:
    """The value as `shape`, a model of pydantic or any type it knows.

    Raises BadInput, beginning with `named`: the first field that does not fit, what would be right,
    and how many more there are.
    """
    try:
        return TypeAdapter(shape).validate_python(value)
    except ValidationError as error:
        first, *more = error.errors(include_url=False)
        others = f" {len(more)} more of its fields do not fit either." if more else ""
        raise BadInput(f"{_sentence(first, named)}{others}") from error


def printable(text: str) -> str:
    """Without what would move a terminal or break a line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _sentence(error: ErrorDetails, named: str) -> str:
    place = "".join(
        f"[{part}]" if isinstance(part, int) else f".{printable(part[:LONGEST_SHOWN])}"
        for part in error["loc"]
    ).removeprefix(".")
    subject = f"{named}'s field '{place}'" if place else named
    if error["type"] == "missing":
        return f"{subject} is missing."
    if error["type"] == "extra_forbidden":
        return f"{subject} is none that this program knows."
    problem = re.sub(r"^(Value error, |\w+ (?=should ))", "", error["msg"])
    problem = re.sub(r"a valid dictionary( or instance of \w+)?", "an object of fields", problem)
    problem = problem.replace(" after validation", "")
    given = error["input"]
    if isinstance(given, str | bool | int | float | None) and ", not " not in problem:
        problem += f", not {_shown(given)}"
    return f"{subject} {problem}."


def _shown(value: str | float | None) -> str:
    if isinstance(value, int) and abs(value) > 10**LONGEST_SHOWN:
        return "a number as long as that"
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
