"""A run file, read: checked whole, and held against itself.

Fields that say what ran or what came out are claims; the others are information that no figure
depends on: `made`, `libraries`, titles, labels, name, note, star, hypothesis, `half` (the questions
its maker looked at; its figures are over all of them), why a gate opened, and the board's sliders
that are off.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from torch import Tensor

from backend.checked import checked, printable
from backend.data.questions import N_CHOICES, Question, QuestionSet, QuestionSets
from backend.errors import BadInput, ClampboardError
from backend.evaluation.evaluate import SetResult, summarise
from backend.interventions.board import Board, read_link
from backend.interventions.clamps import Clamps, format_clamps
from backend.interventions.method import NOTHING, Setting, format_method
from backend.interventions.rival import format_rival
from backend.rim import MB, parse_json, read_bytes, text_of
from backend.setups import SHIPPED, Role

KIND, FORMAT = "clampboard evaluation", 1
MAX_BYTES = 32 * MB
"""MMLU whole, 14,042 questions, takes 5."""


MOST_FIELDS = 1000
"""Of an object; a misfit in each of millions would take minutes and gigabytes to say."""


def _few(value: Any) -> Any:
    if isinstance(value, dict) and len(value) > MOST_FIELDS:
        raise ValueError(f"should have at most {MOST_FIELDS:,} fields")
    return value


def _no_path(name: str) -> str:
    if not name or "/" in name or "\\" in name:
        raise ValueError("should be a setup's name, never a path")
    return name


Names = Annotated[dict[str, str], BeforeValidator(_few)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Option = Annotated[int, Field(ge=0, lt=N_CHOICES)]
Score = Annotated[float, Field(ge=-1e30, le=1e30)]
"""A log-probability, in nats; finite in float32."""
Scores = Annotated[list[Score], Field(min_length=N_CHOICES, max_length=N_CHOICES, fail_fast=True)]


class _Part(BaseModel):
    """A field that is not known is refused: nobody here could hold it against anything."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    _few = model_validator(mode="before")(_few)


class GateAnswer(_Part):
    """What the gate made of one question."""

    statistic: float
    open: bool
    why: str


class Answered(_Part):
    """One question, without and with the clamps."""

    index: Count
    """Row in its set."""
    answer: Option
    affected: bool
    baseline_prediction: Option
    prediction: Option
    baseline_scores: Scores
    scores: Scores
    gate: GateAnswer | None = None


class RunSet(_Part):
    """One set of questions: its figures, as claimed, and the answers they are made of."""

    name: str
    title: str
    role: Role
    n: Count
    n_affected: Count
    baseline_accuracy: float
    accuracy: float
    lost: Count
    gained: Count
    change_pp: float
    ci_low_pp: float
    ci_high_pp: float
    p_value: float
    inconclusive: bool
    questions: Annotated[list[Answered], Field(min_length=1, fail_fast=True)]

    @cached_property
    def baseline(self) -> Float[Tensor, "question choice"]:
        return torch.tensor([q.baseline_scores for q in self.questions])

    @cached_property
    def scores(self) -> Float[Tensor, "question choice"]:
        return torch.tensor([q.scores for q in self.questions])

    @cached_property
    def affected(self) -> Bool[Tensor, " question"]:
        return torch.tensor([q.affected for q in self.questions])

    @cached_property
    def computed(self) -> SetResult:
        """The figures, computed from the scores alone."""
        rows = tuple(Question(q.index, "", "", ("", "", "", ""), q.answer) for q in self.questions)
        alone = QuestionSets((QuestionSet(self.name, self.title, self.role, rows),))
        (result,) = summarise(
            alone, NOTHING, self.baseline, self.scores, self.affected, self.affected, 0.0
        ).sets
        return result


class SetupClaim(_Part):
    name: Annotated[str, AfterValidator(_no_path)]
    title: str
    model: str
    sae: str
    hook: str


class BoardClaim(_Part):
    """See backend.interventions.board.write_link."""

    clamps: str = ""
    master: str = "1"
    solo: str | None = None
    method: str = ""
    rival: str = ""


class FeatureClaim(_Part):
    feature: Count
    value: float
    label: str


class Claims(_Part):
    """The file, field by field."""

    kind: Literal["clampboard evaluation"]
    format: Annotated[int, Field(ge=FORMAT, le=FORMAT)]
    made: str
    setup: SetupClaim
    identity: Names
    libraries: Names
    board: BoardClaim
    half: Literal["all", "selection", "held-out"]
    clamps: str
    method: str = ""
    """As backend.interventions.method.format_method gives it; the paper's where it is empty."""
    rival: str = ""
    """As backend.interventions.rival.format_rival gives it; none where it is empty."""
    features: Annotated[list[FeatureClaim], Field(fail_fast=True)]
    name: str
    note: str
    star: bool
    hypothesis: str
    sets: Annotated[list[RunSet], Field(fail_fast=True)]


@dataclass(frozen=True)
class RunFile:
    """A file whose setting this SAE has."""

    claims: Claims
    board: Board
    setting: Setting

    @property
    def clamps(self) -> Clamps:
        return self.setting.clamps

    @property
    def half(self) -> Literal["all", "selection", "held-out"]:
        return self.claims.half


def read_claims(content: bytes, named: str = "The file") -> Claims:
    """Raises BadInput that names the field, and what would be right."""
    if len(content) > MAX_BYTES:
        raise BadInput(f"{named} is larger than {MAX_BYTES / MB:,.0f} MB, more than any run has.")
    raw: Any = parse_json(text_of(content, named), named)
    if not isinstance(raw, dict) or raw.get("kind") != KIND:
        raise BadInput(f"{named} is no export of this program: its field 'kind' is not '{KIND}'.")
    if raw.get("format") != FORMAT:
        found = printable(str(raw.get("format"))[:20])
        raise BadInput(f"{named} is of format '{found}'; this program reads format {FORMAT}.")
    return checked(Claims, raw, named)


def claims_of(path: Path) -> Claims:
    """The same of a regular file."""
    return read_claims(read_bytes(path, MAX_BYTES, "The run file"), f"The run file {path}")


def shipped_setup(path: Path) -> str:
    """The setup a file was made with, if it ships with this program.

    Raises BadInput for any other: a file from elsewhere does not choose what is opened here.
    """
    name = claims_of(path).setup.name
    if name not in {file.stem for file in SHIPPED.glob("*.toml")}:
        raise BadInput(
            f"The run file {path} was made with a setup {name[:60]!r}, which does not ship with "
            "this program. Name its TOML file before --from: "
            "python -m backend evaluate my.toml --from ..."
        )
    return name


def run_file(claims: Claims, d_sae: int, named: str = "The file") -> RunFile:
    """The board and the setting a file claims. Raises BadInput where they say different things."""
    link = claims.board.model_dump(exclude_none=True)
    try:
        board = read_link(link, d_sae)
        setting = board.setting()
    except ClampboardError as error:
        raise BadInput(
            f"{named}'s field 'board' cannot be used: {printable(str(error))}"
        ) from error
    for field, same in (
        ("clamps", claims.clamps == format_clamps(setting.clamps)),
        ("method", claims.method == format_method(setting.method)),
        ("rival", claims.rival == format_rival(setting.rival)),
        ("features", [(f.feature, f.value) for f in claims.features] == list(setting.clamps)),
    ):
        if not same:
            raise BadInput(
                f"{named}'s fields 'board' and '{field}' say different things; it was changed "
                "after it was made."
            )
    return RunFile(claims, board, setting)


def read_run_file(content: bytes, d_sae: int) -> RunFile:
    """A file that was opened on a page. Raises BadInput."""
    return run_file(read_claims(content), d_sae)
