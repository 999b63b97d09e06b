"""Progress as bars of tqdm, where they are asked for."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from backend.evaluation.evaluate import Evaluation
from backend.progress import OnProgress, Progress, silent


@contextmanager
def bars(drawn: bool) -> Iterator[OnProgress]:
    """What to report to while work goes on: a bar for each stage on standard error, in a notebook
    with widgets one of them, gone when the stage is over; or nothing.
    """
    if not drawn:
        yield silent
        return
    from tqdm.auto import tqdm

    stage, bar = "", None

    def draw(progress: Progress) -> None:
        nonlocal stage, bar
        if progress.note:
            tqdm.write(progress.note, file=sys.stderr)
        if bar is None or progress.stage != stage:
            if bar is not None:
                bar.close()
            stage, total = progress.stage, progress.total or None
            bar = tqdm(total=total, desc=stage, leave=False, mininterval=0)
        bar.update(progress.done - bar.n)

    try:
        yield draw
    finally:
        if bar is not None:
            bar.close()


def growing(on_progress: OnProgress) -> Callable[[Evaluation], None]:
    """What an evaluation that grows reports to."""

    def report(evaluation: Evaluation) -> None:
        done, touched = int(evaluation.done.sum()), int(evaluation.affected.sum())
        on_progress(Progress("Evaluating", done, touched, None))

    return report


def counted(items: Iterator[Any], stage: str, total: int, on_progress: OnProgress) -> Iterator[Any]:
    """The same items, each reported."""
    for done, item in enumerate(items, 1):
        on_progress(Progress(stage, done, total, None))
        yield item
