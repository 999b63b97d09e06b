"""One JSON file that says what was run, on what, and what came out; read back whole, and run again
to the same figures.

The file names each thing that can change a figure by the hash of its content, so that a difference
can be told apart: other weights, another SAE, other questions, another prompt, another format of
this program, another precision.
"""

import json
import math
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from backend.data.questions import N_CHOICES
from backend.engine.engine import Engine
from backend.errors import BadInput, ClampboardError
from backend.evaluation.answers import per_question
from backend.evaluation.evaluate import Evaluation
from backend.evaluation.results import Run
from backend.interventions.board import Board, read_link, write_link
from backend.interventions.edit import Clamps, format_clamps
from backend.sharing.identity import identity

KIND, FORMAT = "clampboard evaluation", 1
MAX_BYTES = 200_000_000
SAME_SCORE = {"float32": 1e-3, "bfloat16": 0.25}
"""Scores further apart than this, in log-probability, are no rounding: half precision keeps three
digits of a logit.
"""


def export(
    engine: Engine, evaluation: Evaluation, board: Board, half: str = "all"
) -> dict[str, Any]:
    """The file as a value. `evaluation` is complete, over all questions, of the board's clamps."""
    run = engine.results.read(evaluation.clamps) or Run(
        evaluation.clamps, [], evaluation.seconds, time.time()
    )
    return {
        "kind": KIND,
        "format": FORMAT,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "setup": {
            "name": engine.setup.name,
            "title": engine.setup.title,
            "model": engine.setup.model.name,
            "sae": engine.sae.title,
            "hook": engine.sae.hook_name,
        },
        "identity": identity(engine),
        "libraries": {name: version(name) for name in ("torch", "transformers", "sae-lens")},
        "board": write_link(board),
        "half": half,
        "clamps": format_clamps(evaluation.clamps),
        "features": [
            {"feature": c.feature, "value": c.value, "label": engine.atlas.name(c.feature)}
            for c in evaluation.clamps
        ],
        "name": run.name,
        "note": run.note,
        "star": run.star,
        "hypothesis": run.hypothesis,
        "sets": [
            {
                "name": s.name,
                "title": s.title,
                "role": s.role,
                "n": s.n,
                "n_affected": s.n_affected,
                **s.figures(),
                "inconclusive": s.inconclusive,
                "questions": per_question(engine.sets, evaluation, s.name),
            }
            for s in evaluation.sets
        ],
    }


def to_text(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True)
class ExportedSet:
    name: str
    title: str
    lost: int
    gained: int
    accuracy: float
    index: tuple[int, ...]
    """Rows of the set's questions."""
    answer: tuple[int, ...]
    scores: Float[Tensor, "question choice"]


@dataclass(frozen=True)
class Exported:
    """A file that was read."""

    setup: str
    identity: dict[str, str]
    board: Board
    half: str
    clamps: Clamps
    name: str
    note: str
    sets: tuple[ExportedSet, ...]

    @property
    def precision(self) -> str:
        return self.identity.get("the precision", "").split(" ")[0]


def setup_named(text: str) -> str:
    """The setup a file was made with. Raises BadInput."""
    return _text(_field(_parse(text), "setup", dict), "name")


def read_export(text: str, d_sae: int) -> Exported:
    """The file, checked whole. Raises BadInput that names the field."""
    raw = _parse(text)
    sets = tuple(_set(entry, i) for i, entry in enumerate(_field(raw, "sets", list)))
    given = {str(name): str(value) for name, value in _field(raw, "identity", dict).items()}
    half = _text(raw, "half")
    if half not in ("all", "selection", "held-out"):
        raise BadInput(
            f"The file's field 'half' is '{half[:20]}'; it can be all, selection or held-out."
        )
    try:
        board = read_link({str(k): str(v) for k, v in _field(raw, "board", dict).items()}, d_sae)
        clamps = board.clamps()
    except ClampboardError as error:
        raise BadInput(f"The file's field 'board' cannot be used: {error}") from error
    if format_clamps(clamps) != _text(raw, "clamps"):
        raise BadInput(
            "The file's fields 'board' and 'clamps' say different things; it was changed after it "
            "was made."
        )
    return Exported(
        setup_named(text),
        given,
        board,
        half,
        clamps,
        _text(raw, "name")[:80],
        _text(raw, "note")[:2000],
        sets,
    )


def _parse(text: str) -> dict[str, Any]:
    if len(text) > MAX_BYTES:
        raise BadInput(
            f"The file has {len(text) / 1e6:,.0f} MB; no export of this program is larger than "
            f"{MAX_BYTES / 1e6:,.0f} MB."
        )
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The file is not JSON: {str(error)[:100]}.") from error
    if not isinstance(raw, dict) or raw.get("kind") != KIND:
        raise BadInput(f"The file is no export of this program: its field 'kind' is not '{KIND}'.")
    if raw.get("format") != FORMAT:
        raise BadInput(
            f"The file is of format {str(raw.get('format'))[:20]}; this program reads format "
            f"{FORMAT}."
        )
    return raw


def _field(raw: Any, name: str, kind: type) -> Any:
    if not isinstance(raw, dict) or not isinstance(raw.get(name), kind):
        raise BadInput(
            f"The file's field '{name}' is missing, or not what it should be ({kind.__name__})."
        )
    return raw[name]


def _text(raw: Any, name: str) -> str:
    return _field(raw, name, str)


def _set(raw: Any, i: int) -> ExportedSet:
    questions = _field(raw, "questions", list)
    try:
        rows = [[float(x) for x in q["scores"]] for q in questions]
        scores = torch.tensor(rows, dtype=torch.float32).reshape(len(questions), -1)
        numbers = [(int(q["index"]), int(q["answer"])) for q in questions]
        accuracy = float(raw["accuracy"])
        lost = int(raw["lost"])
        gained = int(raw["gained"])
        if not questions or scores.shape[1] != N_CHOICES or not scores.isfinite().all():
            raise ValueError
        if not math.isfinite(accuracy):
            raise ValueError
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"The file's field 'sets[{i}]' cannot be read: each needs accuracy, lost, gained, and "
            "questions with index, answer and four scores."
        ) from error
    index, answer = zip(*numbers, strict=True)
    return ExportedSet(
        _text(raw, "name"), _text(raw, "title"), lost, gained, accuracy, index, answer, scores
    )


def differences(exported: Exported, engine: Engine) -> list[str]:
    """What is not the same here as where the file was made, a sentence each; empty if nothing that
    can change a figure is.
    """
    here, there = identity(engine), exported.identity
    out = []
    for what in sorted({*here, *there}):
        if here.get(what) != there.get(what):
            mine, theirs = _short(here.get(what)), _short(there.get(what))
            out.append(f"{what[0].upper()}{what[1:]}: {theirs} in the file, {mine} here.")
    return out


def _short(value: str | None) -> str:
    return f"{value[:12]}…" if value and len(value) == 64 else value or "not there"


@dataclass(frozen=True)
class Rerun:
    """A file's figures beside those computed here."""

    n: int
    """Questions compared."""
    changed: int
    """Of them, those with another prediction than in the file."""
    furthest: float
    """The largest difference of a score."""
    missing: tuple[str, ...]
    """Sets of the file that are not here, or hold other questions."""
    precision: str

    @property
    def same(self) -> bool:
        """The same prediction for every question, and no score further off than rounding."""
        return (
            not self.missing
            and self.changed == 0
            and self.furthest <= SAME_SCORE.get(self.precision, 1e-3)
        )

    def sentence(self) -> str:
        if self.same:
            return (
                f"The same figures as in the file: {self.n} questions, every prediction the same; "
                f"scores differ by at most {self.furthest:.2g}."
            )
        parts = [
            f"{self.changed} of {self.n} questions are answered otherwise than in the file",
            f"scores differ by up to {self.furthest:.2g}",
        ]
        parts += [f"the set '{name}' of the file has no counterpart here" for name in self.missing]
        return "Not the figures of the file: " + "; ".join(parts) + "."


def compare(exported: Exported, evaluation: Evaluation, engine: Engine) -> Rerun:
    """Question by question. `evaluation` is complete and over all questions."""
    here = {s.name: s.questions for s in engine.sets}
    n = changed = 0
    furthest, missing = 0.0, []
    for s in exported.sets:
        questions = tuple((q.index, q.answer) for q in here.get(s.name, ()))
        if questions != tuple(zip(s.index, s.answer, strict=True)):
            missing.append(s.name)
            continue
        scores = evaluation.scores[engine.sets.span(s.name)]
        n += len(questions)
        changed += int((scores.argmax(-1) != s.scores.argmax(-1)).sum())
        furthest = max(furthest, float((scores - s.scores).abs().max()))
    return Rerun(n, changed, furthest, tuple(missing), exported.precision)
