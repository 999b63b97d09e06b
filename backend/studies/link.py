"""The client's side of a scheduler: tasks handed to it, and what became of them; a connection that
was lost is made anew.
"""

import queue
import time
from collections.abc import Collection, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from backend.errors import Unavailable
from backend.progress import OnProgress, Progress
from backend.studies.cells import Cell
from backend.studies.cluster import Reached
from backend.studies.tasks import TOPIC, run_cell

if TYPE_CHECKING:
    from distributed import Client, Future

ANSWER_S = 20.0
"""A scheduler that says nothing for so long is lost."""
CONNECT_S = 3.0
"""Of one try to reach it."""
WAIT_S = 0.5
ENDED = (
    "Its worker ended again and again while it ran, as one does whose memory runs out. Take fewer "
    "workers, or a smaller setup."
)


class Lost(Exception):
    """The scheduler does not answer: all that was handed to it is lost."""


class Came(NamedTuple):
    """What became of a cell."""

    cell: Cell
    worker: str
    """That it was handed to."""
    result: dict[str, Any]
    """Of backend.studies.work.answer; or {"error": ..., "of": "cell"} where that could not run."""


class Link:
    """One client. Methods raise Lost where the scheduler is gone; then `renew` it."""

    def __init__(self, reached: Reached, patience_s: float, on_progress: OnProgress):
        """`patience_s`: how long a scheduler, or a first worker, is waited for."""
        self._reached, self._patience_s, self._on_progress = reached, patience_s, on_progress
        self._client: Client | None = None
        self._out: dict[Future, tuple[Cell, str]] = {}
        self._told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def renew(self) -> None:
        """Connect, or connect again; what was handed out is forgotten. Raises Unavailable where
        nothing answers for as long as patience lasts.
        """
        self.close()
        until = time.monotonic() + self._patience_s
        while (client := self._connected(until)) is None:
            left = until - time.monotonic()
            if left <= 0:
                raise Unavailable(
                    f"The scheduler at {self._reached.address} does not answer. What is finished "
                    "is kept: start the scheduler and its workers, then this command again."
                )
            said = f"The scheduler at {self._reached.address} does not answer; waiting for it"
            self._on_progress(Progress(said, 0, 0, left))
            time.sleep(WAIT_S)
        self._client = client
        client.subscribe_topic(TOPIC, lambda event: self._told.put(event[1]))

    def _connected(self, until: float) -> "Client | None":
        from distributed import Client

        timeout = max(0.5, min(CONNECT_S, until - time.monotonic()))
        with suppress(OSError, TimeoutError):
            return Client(
                self._reached.address,
                security=self._reached.security,
                timeout=timeout,
                set_as_default=False,
            )
        return None

    def close(self) -> None:
        client, self._client, self._out = self._client, None, {}
        if client is not None:
            with suppress(OSError, TimeoutError, RuntimeError):
                client.close(timeout=1)

    @property
    def out(self) -> list[tuple[Cell, str]]:
        """The cells that are handed out, and to which worker each."""
        return list(self._out.values())

    def workers(self) -> list[str]:
        client = self._client
        if client is None or client.status != "running":
            raise Lost
        try:
            found = client.nthreads(callback_timeout=ANSWER_S)
        except (OSError, TimeoutError) as error:
            raise Lost from error
        return sorted(found)

    def hand(self, cell: Cell, worker: str) -> None:
        """To this worker and no other: a scheduler forgets what is bound to one that ended, so
        that who hands out must `recall` it.
        """
        client = self._client
        if client is None or client.status != "running":
            raise Lost
        future = client.submit(run_cell, cell.plain(), workers=[worker], pure=False)
        self._out[future] = (cell, worker)

    def recall(self, workers: Collection[str]) -> list[Cell]:
        """What was handed to any but these, taken back."""
        ended = [future for future, (_, worker) in self._out.items() if worker not in workers]
        for future in ended:
            future.cancel()
        return [self._out.pop(future)[0] for future in ended]

    def came(self) -> Iterator[Came]:
        """What has become of cells since it was asked last, one by one."""
        for future in [future for future in self._out if future.done()]:
            if future.cancelled():
                raise Lost
            try:
                error = future.exception(timeout=ANSWER_S)
                result = _of_error(error) if error else future.result(timeout=ANSWER_S)
            except TimeoutError:  # its worker ended before it was fetched: it runs once more
                continue
            except (OSError, CancelledError) as gone:
                raise Lost from gone
            yield Came(*self._out.pop(future), result)

    def told(self) -> dict[str, Any] | None:
        """The last thing that a worker said of what it prepares, since it was asked last."""
        last = None
        with suppress(queue.Empty):
            while True:
                last = self._told.get_nowait()
        return last


def _of_error(error: BaseException) -> dict[str, Any]:
    """In words what the cluster, not the cell, came to."""
    if type(error).__name__ == "KilledWorker":
        return {"error": ENDED, "of": "cell"}
    if isinstance(error, ModuleNotFoundError):
        said = (
            f"The cluster cannot import Clampboard ({error}). Start its scheduler and its workers "
            "in this project's folder and environment, with PYTHONPATH naming the folder."
        )
    else:
        said = f"The cluster could not run it ({type(error).__name__}: {error})."
    return {"error": said, "of": "cell"}
