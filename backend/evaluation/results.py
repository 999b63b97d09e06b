"""Finished evaluations on disk: answered again at once, listed as the history of what was tried."""

import math
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from pydantic import ConfigDict, TypeAdapter
from torch import Tensor

from backend import showcase
from backend.errors import Unavailable
from backend.interventions.clamps import Clamps, format_clamps
from backend.interventions.method import PAPER, Method, Setting, format_method, setting_of
from backend.interventions.rival import Rival, format_rival
from backend.own_files import changing, delete, read, read_to_change
from backend.rim import whole
from backend.store import key, write_bytes


@dataclass(frozen=True)
class Run:
    """One setting that was tried."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

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
    method: Method = PAPER
    rival: Rival | None = None

    @property
    def setting(self) -> Setting:
        return Setting(self.clamps, self.method, self.rival)

    @property
    def id(self) -> str:
        return setting_key(self.setting)


def setting_key(setting: Setting) -> str:
    """What a setting's files are called; the paper's method is not named, as before there were
    others, nor that there is no rival.
    """
    clamps, method, rival = setting
    named = {"method": format_method(method)} if method != PAPER else {}
    named |= {} if rival is None else {"rival": format_rival(rival)}
    return key({"clamps": format_clamps(clamps), **named})


RUN = TypeAdapter(Run)
MOST_UNWRITTEN = 100
"""Runs held in memory where the disk will not have them; the latest."""


class Results:
    """The runs of one setup, one sealed file each.

    Every change is made to what is on disk at that time, and to its own fields alone.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...]):
        """`shape` is (question, choice), the baseline's: a run of another shape is none of this
        setup's.
        """
        self._folder = folder
        self._shape = shape
        self._unwritten: dict[Path, Run] = {}

    def _path(self, setting: Setting) -> Path:
        return self._folder / f"{setting_key(setting)}.json"

    def read(self, setting: Setting) -> Run | None:
        """None where there is none. One that could not be written lasts as long as the program."""
        path = self._path(setting)
        return self.read_file(path) or self._unwritten.get(path)

    def write(self, setting: Setting, scores: Tensor, affected: Tensor, seconds: float) -> None:
        """Keep a complete evaluation; what the user wrote about an earlier one of the same setting
        stays.

        Raises Unavailable if it cannot be kept: the disk will not have it, or scores are no finite
        numbers. It can be read until the program ends all the same.
        """
        questions = affected.nonzero().squeeze(-1).tolist()
        rows = [(q, scores[q].tolist()) for q in questions]
        clamps, method, rival = setting
        run = Run(clamps, rows, seconds, time.time(), method=method, rival=rival)
        try:
            with changing(self._folder):
                if old := self._to_change(setting):
                    run = replace(old, rows=rows, seconds=seconds, when=run.when)
                self._keep(run)
        except Unavailable:
            self._unwritten[self._path(setting)] = run
            for path in list(self._unwritten)[:-MOST_UNWRITTEN]:
                self._unwritten.pop(path, None)
            raise

    def annotate(
        self,
        setting: Setting,
        *,
        name: str | None = None,
        note: str | None = None,
        star: bool | None = None,
    ) -> None:
        """Keep what the user wrote about a run; what is None stays as it was.

        Raises BadInput for text that is none, Unavailable if the disk will not have it, or the run
        is no longer there.
        """
        showcase.refuse()
        with changing(self._folder):
            if (run := self._to_change(setting)) is None:
                raise Unavailable(
                    "This run is not there any more: it was deleted, or its file was damaged and "
                    "set aside. Evaluate the setting again, then write about it."
                )
            self._keep(
                replace(
                    run,
                    name=run.name if name is None else whole(name, "The name"),
                    note=run.note if note is None else whole(note, "The note"),
                    star=run.star if star is None else star,
                )
            )

    def remember(
        self, setting: Setting, link: dict[str, str], expected: str, written: float
    ) -> bool:
        """Keep the board a run was tried from, and what was expected of it if that was written
        (Unix time) before it ran.

        True when the expectation was taken: it belongs to this run, and to no later one. Raises as
        `annotate`, but for a run that is not there.
        """
        whole(expected, "What you expect")
        tried = tuple(sorted(link.items()))

        def remembering(run: Run) -> Run:
            taken = bool(expected) and not run.hypothesis and written < run.when
            return replace(run, link=tried, hypothesis=expected if taken else run.hypothesis)

        run = self.read(setting)
        if showcase.is_on() or run is None or remembering(run) == run:
            return False
        with changing(self._folder):
            if (run := self._to_change(setting)) is None:
                return False
            new = remembering(run)
            self._keep(new)
        return new.hypothesis != run.hypothesis

    def forget(self, setting: Setting) -> None:
        """Raises Unavailable if the disk will not have it."""
        showcase.refuse()
        self._unwritten.pop(self._path(setting), None)
        delete(self._path(setting))

    def files(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        """The file of each run, and a stamp that changes when it is written again."""
        for path in self._folder.glob("*.json"):
            with suppress(OSError):  # deleted meanwhile by another session
                state = path.stat()
                yield path, (state.st_mtime_ns, state.st_ino)

    def read_file(self, path: Path) -> Run | None:
        """None where there is none; a damaged file, or another recording's, is set aside."""
        return read(path, lambda content: self._parse(path, content))

    def _to_change(self, setting: Setting) -> Run | None:
        path = self._path(setting)
        run = read_to_change(path, lambda content: self._parse(path, content))
        return run or self._unwritten.get(path)

    def _keep(self, run: Run) -> None:
        if not all(math.isfinite(score) for _, scores in run.rows for score in scores):
            raise Unavailable("Some of its scores are no finite numbers.")
        path = self._path(run.setting)
        write_bytes(path, RUN.dump_json(run))
        self._unwritten.pop(path, None)

    def _parse(self, path: Path, content: bytes) -> Run:
        """Raises ValueError, or BadClamps and the like, for what is no run of this setup and
        name.
        """
        run = RUN.validate_json(content)
        n_questions, width = self._shape
        questions = [question for question, _ in run.rows]
        if not (
            setting_of(*run.setting) == run.setting
            and self._path(run.setting) == path
            and len(set(questions)) == len(questions)
            and all(0 <= question < n_questions for question in questions)
            and all(len(scores) == width for _, scores in run.rows)
        ):
            raise ValueError(f"{path} is no run of this setup")
        return run


def scores_of(run: Run, baseline: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of all questions, and which of them were affected."""
    scores, affected = baseline.clone(), torch.zeros(len(baseline), dtype=torch.bool)
    for question, row in run.rows:
        scores[question], affected[question] = torch.tensor(row), True
    return scores, affected
