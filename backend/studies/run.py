"""A study run: cells handed to workers, each result kept the moment it comes, nothing done twice
that is kept.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from backend import showcase
from backend.errors import Unavailable
from backend.progress import OnProgress, Pace, Progress, silent
from backend.studies.cells import Cell
from backend.studies.cluster import Reached, quiet
from backend.studies.dispatch import Dispatch
from backend.studies.kept import Kept, Result, chosen, made_of
from backend.studies.link import ENDED, Came, Link, Lost

LOOK_S = 0.01
"""How often it is looked whether a cell is done."""
WORKERS_S = 1.0
"""How often it is looked which workers there are."""
TABLE_S = 10.0
"""How often the table is written meanwhile."""
PATIENCE_S = 600.0
MOST_ENDS = 3
"""A cell that so many workers ended over is given up."""


class Failed(NamedTuple):
    """Cells that could not be run, all for the same reason."""

    why: str
    cells: tuple[Cell, ...]


@dataclass
class Ran:
    """What a study came to."""

    results: dict[str, Result]
    """By cell."""
    failed: list[Failed]
    n_kept: int
    """Cells that were done before."""


@dataclass
class _State:
    """What is known while it runs."""

    kept: dict[str, list[Result]]
    """From before, by cell."""
    fresh: dict[str, Result] = field(default_factory=dict)
    failed: dict[str, list[Cell]] = field(default_factory=dict)
    """By what was said of them."""
    made: dict[str, set[str]] = field(default_factory=dict)
    """Setup -> what its fresh results were made of."""

    def stands(self, cell: Cell) -> list[Result]:
        """What is kept of a cell that this run's workers would come to as well, as far as is
        known.
        """
        made = self.made.get(cell.setup)
        found = self.kept.get(cell.key, [])
        return [r for r in found if made is None or made_of(r) in made]

    def results(self, cells: Sequence[Cell]) -> dict[str, Result]:
        """One a cell, in the cells' order."""
        old = chosen({cell.key: self.stands(cell) for cell in cells})
        found = {**old, **self.fresh}
        return {cell.key: found[cell.key] for cell in cells if cell.key in found}


def finished(cells: Sequence[Cell], kept: Kept) -> Ran | None:
    """The study, if all of it is kept: nothing has to be started then."""
    state = _State(kept.read())
    results = state.results(cells)
    return Ran(results, [], len(cells)) if len(results) == len(cells) else None


def run_study(
    cells: Sequence[Cell],
    kept: Kept,
    reached: Reached,
    *,
    questions: bool = False,
    patience_s: float = PATIENCE_S,
    on_progress: OnProgress = silent,
) -> Ran:
    """Run what is not kept. Raising from `on_progress` cancels: what has come is kept.

    What is kept counts if this run's workers come to the same ingredients and machine; a setup all
    of whose cells are kept is not opened again. With `questions` the table of all questions is
    written too. Raises Unavailable where the disk will not have a result, where the scheduler or
    workers stay away for longer than `patience_s`, and Showcase where nothing is run.
    """
    showcase.refuse()
    kept.begin()
    state = _State(kept.read())
    n_kept, written = len(state.results(cells)), time.monotonic()
    missing = [cell for cell in cells if not state.stands(cell)]
    link = Link(reached, patience_s, on_progress)
    with quiet():
        try:
            for _ in _Session(cells, kept, state, link).run(missing, patience_s, on_progress):
                if time.monotonic() - written >= TABLE_S:
                    kept.write_table(state.results(cells), questions)
                    written = time.monotonic()
        finally:
            link.close()
            kept.write_table(state.results(cells), questions)
    failed = [Failed(why, tuple(several)) for why, several in state.failed.items()]
    return Ran(state.results(cells), failed, n_kept)


class _Session:
    """The loop of one run."""

    def __init__(self, cells: Sequence[Cell], kept: Kept, state: _State, link: Link):
        self._cells, self._kept, self._state, self._link = cells, kept, state, link
        self._workers: list[str] = []
        self._looked = 0.0
        self._refusals: dict[str, str] = {}
        """Setup -> why a worker could not open it."""
        self._ends: Counter[str] = Counter()
        """Cell -> workers that ended while they had it."""

    def run(self, missing: list[Cell], patience_s: float, on_progress: OnProgress) -> Iterator[int]:
        """Yields how many cells are done after each; raises as `run_study`."""
        dispatch = Dispatch(missing)
        pace = self._pace(missing, on_progress)
        self._link.renew()
        until = time.monotonic() + patience_s
        while True:
            try:
                self._look(on_progress)
                if gone := self._recall(dispatch):
                    pace.advance(gone)
                self._hand_out(dispatch)
                for came in self._link.came():
                    failed = self._failed(came, dispatch)
                    self._hand_out(dispatch)
                    # The worker is at its next cell while this one is written.
                    if "error" not in came.result:
                        self._keep(came)
                        # The first one opened its setup, which says nothing of the pace.
                        count = pace.skip if len(self._state.fresh) == 1 else pace.advance
                        count(1)
                        yield len(self._state.fresh)
                    elif failed:
                        pace.advance(failed)
            except Lost:
                for cell, _ in self._link.out:
                    dispatch.give_back(cell)
                self._workers = []
                self._link.renew()
            if self._link.out or self._workers:
                until = time.monotonic() + patience_s
            if not self._link.out:
                if self._workers and dispatch.n_waiting:
                    pace.advance(self._fail_refused(dispatch))
                if not dispatch.n_waiting:
                    if not (doubted := self._doubted()):
                        return
                    dispatch.add(doubted)
                    pace = self._pace(doubted, on_progress)
                elif not self._workers:
                    self._wait_for_workers(until, on_progress)
            time.sleep(LOOK_S)

    def _pace(self, missing: list[Cell], on_progress: OnProgress) -> Pace:
        pace = Pace("Evaluating the cells", len(self._cells), on_progress)
        pace.skip(len(self._cells) - len(missing))
        return pace

    def _look(self, on_progress: OnProgress) -> None:
        """At the workers that are there, and what they say."""
        if time.monotonic() - self._looked >= WORKERS_S:
            self._looked = time.monotonic()
            workers = self._link.workers()
            if (n := len(workers)) != len(self._workers):
                said = f"{n} worker{'' if n == 1 else 's'}" if n else "No worker is there"
                on_progress(Progress("Evaluating the cells", 0, 0, None, f"{said}."))
            self._workers = workers
        if (told := self._link.told()) is not None:
            progress = Progress(*(told[name] for name in Progress._fields))
            on_progress(progress._replace(stage=f"{told['setup']}: {progress.stage}"))

    def _hand_out(self, dispatch: Dispatch) -> None:
        """A cell to each worker that has none."""
        busy = {worker for _, worker in self._link.out}
        for worker in self._workers:
            if worker in busy or (cell := dispatch.next_for(worker, self._workers)) is None:
                continue
            try:
                self._link.hand(cell, worker)
            except Lost:
                dispatch.give_back(cell)
                raise

    def _recall(self, dispatch: Dispatch) -> int:
        """How many cells are given up that their workers ended over."""
        n = 0
        for cell in self._link.recall(self._workers):
            self._ends[cell.key] += 1
            if self._ends[cell.key] < MOST_ENDS:
                dispatch.give_back(cell)
            else:
                self._state.failed.setdefault(ENDED, []).append(cell)
                n += 1
        return n

    def _failed(self, came: Came, dispatch: Dispatch) -> int:
        """How many cells are not to be had, by what came."""
        if "error" not in came.result:
            return 0
        why, cells = came.result["error"], [came.cell]
        if came.result["of"] == "setup":
            self._refusals[came.cell.setup] = why
            cells = dispatch.refuse(came.cell, came.worker, self._workers)
        self._state.failed.setdefault(why, []).extend(cells)
        return len(cells)

    def _fail_refused(self, dispatch: Dispatch) -> int:
        """How many cells wait that no worker that is there can open."""
        left = dispatch.take_all()
        for cell in left:
            self._state.failed.setdefault(self._refusals[cell.setup], []).append(cell)
        return len(left)

    def _keep(self, came: Came) -> None:
        state, cell = self._state, came.cell
        state.fresh[cell.key] = came.result
        state.made.setdefault(cell.setup, set()).add(made_of(came.result))
        self._kept.write(came.result)

    def _doubted(self) -> list[Cell]:
        """Cells that are kept, but as no worker of this run would come to them."""
        state = self._state
        done = {cell.key for several in state.failed.values() for cell in several}
        done |= state.results(self._cells).keys()
        return [cell for cell in self._cells if cell.key not in done]

    def _wait_for_workers(self, until: float, on_progress: OnProgress) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise Unavailable(
                "No worker has come. What is finished is kept: start workers, or give them more "
                "time by --patience, then this command again."
            )
        on_progress(Progress("Waiting for workers", 0, 0, left))
