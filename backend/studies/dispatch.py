"""Which cell goes to which worker. Pure.

A worker keeps one setup's engine, and loading another takes longer than many cells: so it gets
cells of the setup it has while any wait, and then of the setup that has most cells waiting for each
worker that has it.
"""

from collections import deque
from collections.abc import Collection, Iterable, Sequence

from backend.studies.cells import Cell

REFUSALS = 3
"""So many workers that cannot open a setup are enough: it is not tried on others."""


class Dispatch:
    def __init__(self, cells: Sequence[Cell]):
        self._waiting: dict[str, deque[Cell]] = {}
        """By setup, in the order given."""
        self._at: dict[str, str] = {}
        """Worker -> the setup it was given last."""
        self._refused: dict[str, set[str]] = {}
        """Setup -> workers that cannot open it."""
        self.add(cells)

    @property
    def n_waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, cells: Iterable[Cell]) -> None:
        """Behind those of their setups that wait."""
        for cell in cells:
            self._waiting.setdefault(cell.setup, deque()).append(cell)

    def give_back(self, cell: Cell) -> None:
        """One that was handed out and is not done: it is the next of its setup."""
        self._waiting.setdefault(cell.setup, deque()).appendleft(cell)

    def next_for(self, worker: str, workers: Collection[str]) -> Cell | None:
        """Taken from those that wait; None where nothing is for this one of the workers that are
        there.
        """
        here = {setup for setup, waiting in self._waiting.items() if waiting}
        here -= {setup for setup, refused in self._refused.items() if worker in refused}
        mine = self._at.get(worker)
        if mine not in here:
            held = [self._at.get(other) for other in workers if other != worker]
            worth = {s: self._worth(s, held.count(s)) for s in self._waiting if s in here}
            mine = max(worth, key=lambda setup: worth[setup], default=None)
            if mine is None or not worth[mine]:
                return None
        self._at[worker] = mine
        return self._waiting[mine].popleft()

    def _worth(self, setup: str, n_workers: int) -> float:
        """Cells that wait for each of its workers and one more; 0 where less than one waits for
        each: they will be done before another worker has loaded it.
        """
        n = len(self._waiting[setup])
        return n / (n_workers + 1) if n >= n_workers else 0.0

    def refuse(self, cell: Cell, worker: str, workers: Collection[str]) -> list[Cell]:
        """The worker cannot open the cell's setup. The cell waits for another; where none of the
        workers that are there is left, or enough have tried, all of the setup's that wait are taken
        out and returned.
        """
        self.give_back(cell)
        refused = self._refused.setdefault(cell.setup, set())
        refused.add(worker)
        self._at.pop(worker, None)
        if len(refused) < REFUSALS and set(workers) - refused:
            return []
        return list(self._waiting.pop(cell.setup))

    def take_all(self) -> list[Cell]:
        """All that wait."""
        waiting, self._waiting = self._waiting, {}
        return [cell for cells in waiting.values() for cell in cells]
