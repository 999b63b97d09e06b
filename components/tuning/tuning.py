"""Multipliers on their way: what is tuned, how far it went, and the board that shows it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from backend.engine.engine import Engine
from backend.evaluation.evaluate import Evaluation
from backend.interventions.board import Board, Slider
from backend.interventions.clamps import value_of
from backend.interventions.method import Method, Setting
from backend.progress import OnProgress, silent
from backend.tuning.found import Found, report
from backend.tuning.multipliers import Aim, Moved, Tuner, in_words


class Job(NamedTuple):
    board: Board
    """Where the sliders began; without a rival."""
    aim: Aim
    looked: str = ""
    """Why the held-out half is not blind to it; empty where it is."""


class Tuning(NamedTuple):
    """What is known so far of one job."""

    job: Job
    moves: tuple[Moved, ...] = ()
    """Step 0, where it began, first."""
    done: bool = False
    found: Found | None = None

    @property
    def best(self) -> Moved | None:
        return min(self.moves, key=lambda move: move.stop_loss, default=None)

    @property
    def board(self) -> Board:
        """With the sliders where they stand: at the last step, or at the chosen one in the end."""
        if not self.moves:
            return self.job.board
        move = self.best if self.found is not None and self.best else self.moves[-1]
        return moved_board(self.job.board, move.setting)


def first_board(
    features: Sequence[int], multiple: float, max_act: Callable[[int], float], method: Method
) -> Board:
    """A slider for each of the features, in their order, at that multiple of its maximum."""
    sliders = (Slider(feature, value_of(multiple, max_act(feature))) for feature in features)
    return Board(tuple(sliders), method=method)


def moved_board(begun: Board, setting: Setting) -> Board:
    """The board with its sliders at the setting's values: in their order, those that were not in
    force off, and nothing multiplied.
    """
    values = {clamp.feature: clamp.value for clamp in setting.clamps}
    sliders = tuple(
        Slider(s.feature, values[s.feature])
        if s.feature in values
        else replace(s, value=s.value * begun.master, on=False)
        for s in begun.sliders
    )
    return Board(sliders, method=setting.method)


def tune_on(
    engine: Engine,
    tuner: Tuner,
    job: Job,
    on_progress: OnProgress = silent,
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_stepped: Callable[[Tuning], None] = lambda _: None,
) -> Tuning:
    """The next step; after the last one also the held-out figures of the chosen step. Raising from
    `on_progress` or `on_partial` stops it.
    """
    if not tuner.done:
        tuner.step(on_progress)
    tuning = Tuning(job, tuple(tuner.moves), tuner.done)
    best = tuning.best
    if not tuning.done or best is None:
        return tuning
    on_stepped(tuning)
    found = report(
        engine,
        best.setting,
        in_words(best, job.aim),
        len(tuning.moves),
        job.looked,
        on_partial=on_partial,
        on_wait=on_progress,
    )
    return tuning._replace(found=found)
