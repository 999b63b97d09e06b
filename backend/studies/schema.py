"""What a study says: a dataclass for each table of its TOML file."""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from backend.evaluation.calibration import LEAST_RATE, MOST_RATE, Ground, Rule
from backend.interventions.rival import MAX_STRENGTH, RivalKind
from backend.setups import Setup

Unit = Literal["maximum", "raw"]
MOST_CELLS = 2_000
"""Of a study: with a second a cell that is half an hour, and nobody reads more."""


def _from(least: float, most: float, default: float | None = None) -> Any:
    """A number of a table, and its range."""
    return field(default=default, metadata={"within": (least, most)})


@dataclass(frozen=True)
class Ranking:
    """An order that features are taken in; see backend.features.rankers."""

    name: str
    setting: float | None = None
    """The ranking's own default unless given."""


@dataclass(frozen=True)
class When:
    """When clamps act and what they write."""

    method: str = ""
    """As backend.interventions.method.parse_method reads it; empty is the paper's."""
    false_alarms: float | None = _from(LEAST_RATE, MOST_RATE)
    """The gate's tau is found on each setting, so that this share of what should stay closed opens;
    what the method says of tau is not read then.
    """
    rule: Rule = "quantile"
    on: Ground = "questions"


@dataclass(frozen=True)
class Against:
    """What stands in the place of clamps."""

    kind: RivalKind
    of: str | None = None
    """As backend.rivals.rivals.Rivals.named; of a direction the text it is found from."""
    strength: float = _from(0.0, MAX_STRENGTH, 1.0)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Every setup with every ranking, number of features, strength and method; and every setup with
    every rival.
    """

    setups: tuple[str, ...] = ()
    """Shipped names, or paths of TOML files, relative to the study's."""
    rankers: tuple[Ranking, ...] = ()
    features: tuple[int, ...] = ()
    """How many of a ranking's first ones are clamped."""
    picked: tuple[tuple[int, ...], ...] = ()
    """In the place of rankings: features by their numbers, each list clamped together."""
    strengths: tuple[float, ...] = ()
    unit: Unit = "maximum"
    """Of the strengths: each feature's own maximum activation, or none."""
    methods: tuple[When, ...] = (When(),)
    rivals: tuple[Against, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StudyFile(Grid):
    """The whole file. What a [[grid]] does not say is as the file says above it."""

    title: str
    grid: tuple[Grid, ...] = ()
    text_loss: bool = False
    """Measure what each setting adds to the loss on the setup's text as well."""
    score: Literal["saebench"] | None = None
    """Say what the whole study comes to."""


class Place(NamedTuple):
    """A setup, and where a worker finds it."""

    where: str
    """A shipped name, or an absolute path."""
    setup: Setup


@dataclass(frozen=True)
class Study:
    name: str
    """The TOML file's stem."""
    title: str
    grids: tuple[Grid, ...]
    places: dict[str, Place]
    """By what a grid calls the setup."""
    text_loss: bool
    score: Literal["saebench"] | None
    said: dict[str, Any]
    """The file's own tables, as they were read."""
