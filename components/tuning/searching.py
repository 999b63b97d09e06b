"""A search on its way: what was tried, and what was chosen of it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from backend.engine.engine import Engine
from backend.evaluation.evaluate import Evaluation
from backend.experiments.halves import best
from backend.interventions.method import Setting
from backend.progress import OnProgress, silent
from backend.tuning.found import Found, report
from backend.tuning.search import Search, Tried
from backend.tuning.space import Space


class Job(NamedTuple):
    space: Space
    n: int
    """Settings, those already tried counted."""
    seeds: tuple[Setting, ...]
    """The user's own, to begin with."""
    anew: bool = False
    """Whether what was tried before is left behind."""


class Searching(NamedTuple):
    """What is known so far of one space."""

    job: Job
    tried: tuple[Tried, ...] = ()
    found: Found | None = None

    @property
    def chosen(self) -> Tried | None:
        return best(self.tried, self.job.space.cost_pp)


def search_on(
    engine: Engine,
    job: Job,
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
) -> Iterator[Searching]:
    """Goes on with the search: once with what was tried before, after each setting, and once more
    when the chosen one has its held-out figures. Raising from a callback stops it.
    """
    search = Search.open(engine, job.space, job.seeds, not job.anew, on_wait)
    searching = Searching(job, tuple(search.tried))
    yield searching
    left = job.n - len(searching.tried)
    if left > 0:
        for one in search.run(left, on_partial, on_wait):
            searching = searching._replace(tried=(*searching.tried, one))
            yield searching
    if (chosen := searching.chosen) is not None:
        found = report(
            engine,
            chosen.setting,
            f"searched: {chosen.words}",
            len(searching.tried),
            search.looked,
            on_partial,
            on_wait,
            job.space.on,
        )
        searching = searching._replace(found=found)
    yield searching
