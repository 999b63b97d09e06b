"""A study on disk, under cache/studies: one sealed file a cell that is done, and the table."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from backend.store import (
    cache_folder,
    if_it_can_be_kept,
    key,
    read_json,
    read_table,
    sweep_leftovers,
    write_json,
    write_table,
)
from backend.studies.cells import FORMAT, Cell
from backend.studies.schema import Study
from backend.studies.table import questions_of, table_of

Result = dict[str, Any]
"""Of one cell, as backend.studies.work.run gives it."""


def made_of(result: Result) -> str:
    """What a result's figures depend on beside its cell."""
    return key(result["made_of"])[:8]


class Kept:
    """One study's folder."""

    def __init__(self, study: Study, cells: Sequence[Cell]):
        self._study, self._cells = study, cells
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", study.name)[:60]
        of = key({"format": FORMAT, "cells": [cell.key for cell in cells]})
        self.folder = cache_folder() / "studies" / f"{name}-{of}"

    @property
    def table_path(self) -> Path:
        return self.folder / "table.parquet"

    @property
    def questions_path(self) -> Path:
        return self.folder / "questions.parquet"

    def begin(self) -> None:
        """Write down what is run. Raises Unavailable if the disk will not have it."""
        sweep_leftovers(self.folder)
        study = self._study
        write_json(
            self.folder / "study.json",
            {
                "format": FORMAT,
                "name": study.name,
                "title": study.title,
                "said": study.said,
                "cells": [cell.plain() for cell in self._cells],
            },
        )

    def write(self, result: Result) -> None:
        """Raises Unavailable if the disk will not have it."""
        write_json(self.folder / "rows" / f"{result['cell']}-{made_of(result)}.json", result)

    def read(self) -> dict[str, list[Result]]:
        """Cell -> what is kept of it, one of each machine and preparation."""
        mine = {cell.key for cell in self._cells}
        return {cell: found for cell, found in _read_rows(self.folder).items() if cell in mine}

    def write_table(self, results: Mapping[str, Result], questions: bool) -> None:
        """The table, and that of all questions if asked for, of what is done so far."""
        with if_it_can_be_kept("A study's table"):
            write_table(self.table_path, table_of(self._cells, results))
            if questions:
                write_table(self.questions_path, questions_of(self._cells, results))


def _read_rows(folder: Path) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = defaultdict(list)
    for path in sorted((folder / "rows").glob("*.json")):
        result = read_json(path)
        if isinstance(result, dict) and result.get("format") == FORMAT:
            found[result["cell"]].append(result)
    return found


def chosen(kept: Mapping[str, Sequence[Result]]) -> dict[str, Result]:
    """One result a cell: of several, that of the machine and preparation that has most cells."""
    counts = Counter(made_of(result) for several in kept.values() for result in several)
    return {
        cell: max(several, key=lambda result: (counts[made_of(result)], made_of(result)))
        for cell, several in kept.items()
        if several
    }


@dataclass(frozen=True)
class Finished:
    """A study that is kept; it may still be running."""

    name: str
    title: str
    path: Path
    """The table's file."""
    n_cells: int
    n_done: int
    cells: tuple[Cell, ...]

    @cached_property
    def table(self) -> pd.DataFrame:
        """Read when it is first asked for; made again from the cells' files where it is damaged."""
        table = read_table(self.path)
        if table is None:
            table = table_of(self.cells, chosen(_read_rows(self.path.parent)))
        return table


def finished_studies(folder: Path | None = None) -> list[Finished]:
    """Those kept under a cache folder ($CLAMPBOARD_CACHE unless given), the latest written
    first.
    """
    found = list(_studies((folder or cache_folder()) / "studies"))
    found.sort(key=lambda study: study.path.with_name("study.json").stat().st_mtime, reverse=True)
    return found


def _studies(folder: Path) -> Iterator[Finished]:
    for path in sorted(folder.glob("*/study.json")):
        about = read_json(path)
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            continue
        cells = tuple(Cell.of(plain) for plain in about["cells"])
        there = {file.name.partition("-")[0] for file in path.parent.glob("rows/*-*.json")}
        n_done = sum(cell.key in there for cell in cells)
        table = path.with_name("table.parquet")
        yield Finished(about["name"], about["title"], table, len(cells), n_done, cells)
