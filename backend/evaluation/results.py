"""Finished evaluations on disk: answered again at once, listed as the history of what was tried."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backend import showcase
from backend.interventions.edit import Clamp, Clamps, format_clamps
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
    hypothesis: str = ""
    """What was expected, written down before the first evaluation."""
    link: tuple[tuple[str, str], ...] = ()
    """The whole board as backend.interventions.board.write_link gives it: sliders that are off and
    the master are no part of the clamps.
    """

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
        return self.read_file(self._path(clamps))

    def write(self, clamps: Clamps, scores: Tensor, affected: Tensor, seconds: float) -> None:
        """Keep a complete evaluation; what the user wrote about an earlier one of the same clamps
        stays.
        """
        questions = affected.nonzero().squeeze(-1).tolist()
        run = Run(clamps, [(q, scores[q].tolist()) for q in questions], seconds, time.time())
        if old := self.read(clamps):
            run = replace(
                run,
                name=old.name,
                note=old.note,
                star=old.star,
                hypothesis=old.hypothesis,
                link=old.link,
            )
        self.annotate(run)

    def annotate(self, run: Run) -> None:
        """Write the run as it is, with what the user wrote about it."""
        showcase.refuse()
        write_json(
            self._path(run.clamps),
            {
                "clamps": [[clamp.feature, clamp.value] for clamp in run.clamps],
                "rows": run.rows,
                "seconds": run.seconds,
                "when": run.when,
                "name": run.name,
                "note": run.note,
                "star": run.star,
                "hypothesis": run.hypothesis,
                "link": dict(run.link),
            },
        )

    def remember(self, clamps: Clamps, link: dict[str, str], expected: str, written: float) -> bool:
        """Keep the board a run was tried from, and what was expected of it if that was written
        (Unix time) before it ran.

        True when the expectation was taken: it belongs to this run, and to no later one.
        """
        if showcase.is_on() or (run := self.read(clamps)) is None:
            return False
        taken = bool(expected) and not run.hypothesis and written < run.when
        new = replace(
            run, link=tuple(sorted(link.items())), hypothesis=expected if taken else run.hypothesis
        )
        if new != run:
            self.annotate(new)
        return taken

    def forget(self, clamps: Clamps) -> None:
        showcase.refuse()
        self._path(clamps).unlink(missing_ok=True)

    def files(self) -> Iterator[tuple[Path, int]]:
        """The file of each run, and a stamp that changes when it is written again."""
        for path in self._folder.glob("*.json"):
            with suppress(FileNotFoundError):  # deleted meanwhile by another session
                yield path, path.stat().st_mtime_ns

    def read_file(self, path: Path) -> Run | None:
        """None for a damaged file."""
        return _run(read_json(path))


def scores_of(run: Run, baseline: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of all questions, and which of them were affected."""
    scores, affected = baseline.clone(), torch.zeros(len(baseline), dtype=torch.bool)
    for question, row in run.rows:
        scores[question], affected[question] = torch.tensor(row), True
    return scores, affected


def _run(raw: Any) -> Run | None:
    try:
        clamps = tuple(Clamp(int(feature), float(value)) for feature, value in raw["clamps"])
        rows = [
            (int(question), [float(score) for score in scores]) for question, scores in raw["rows"]
        ]
        link = tuple((str(name), str(value)) for name, value in raw.get("link", {}).items())
        return Run(
            clamps,
            rows,
            float(raw["seconds"]),
            float(raw["when"]),
            str(raw["name"]),
            str(raw["note"]),
            bool(raw["star"]),
            str(raw.get("hypothesis", "")),
            link,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
