"""Finished evaluations on disk: answered again at once, listed as the history of what was tried."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backend.clamps import Clamp, Clamps, format_clamps
from backend.store import key, read_json, write_json


@dataclass(frozen=True)
class Run:
    """One setting that was tried."""

    clamps: Clamps
    rows: list[tuple[int, list[float]]]
    """Affected questions and their scores; the others kept their baseline."""
    seconds: float
    when: float
    """Unix time of the last evaluation."""
    name: str = ""
    note: str = ""
    star: bool = False

    @property
    def id(self) -> str:
        return key({"clamps": format_clamps(self.clamps)})


class Results:
    """The runs of one setup, one JSON file each."""

    def __init__(self, folder: Path):
        self._folder = folder

    def _path(self, clamps: Clamps) -> Path:
        return self._folder / f"{key({'clamps': format_clamps(clamps)})}.json"

    def read(self, clamps: Clamps) -> Run | None:
        return _run(read_json(self._path(clamps)))

    def write(self, clamps: Clamps, scores: Tensor, affected: Tensor, seconds: float) -> None:
        """Keep a complete evaluation; what the user wrote about an earlier one of the same clamps stays."""
        questions = affected.nonzero().squeeze(-1).tolist()
        run = Run(clamps, [(q, scores[q].tolist()) for q in questions], seconds, time.time())
        if old := self.read(clamps):
            run = replace(run, name=old.name, note=old.note, star=old.star)
        self.annotate(run)

    def annotate(self, run: Run) -> None:
        """Write the run as it is, its name, note and star included."""
        write_json(self._path(run.clamps), {
            "clamps": [[clamp.feature, clamp.value] for clamp in run.clamps], "rows": run.rows, "seconds": run.seconds,
            "when": run.when, "name": run.name, "note": run.note, "star": run.star,
        })  # fmt: skip

    def forget(self, clamps: Clamps) -> None:
        self._path(clamps).unlink(missing_ok=True)

    def all(self) -> list[Run]:
        """Newest first; damaged files are passed over."""
        runs = (_run(read_json(path)) for path in self._folder.glob("*.json"))
        return sorted((run for run in runs if run), key=lambda run: -run.when)


def scores_of(run: Run, baseline: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of all questions, and which of them were affected."""
    scores, affected = baseline.clone(), torch.zeros(len(baseline), dtype=torch.bool)
    for question, row in run.rows:
        scores[question], affected[question] = torch.tensor(row), True
    return scores, affected


def _run(raw: Any) -> Run | None:
    try:
        clamps = tuple(Clamp(int(feature), float(value)) for feature, value in raw["clamps"])
        rows = [(int(question), [float(score) for score in scores]) for question, scores in raw["rows"]]
        return Run(clamps, rows, float(raw["seconds"]), float(raw["when"]), str(raw["name"]), str(raw["note"]), bool(raw["star"]))
    except (KeyError, TypeError, ValueError):
        return None
