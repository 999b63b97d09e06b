"""Settings evaluated one at a time, and kept once they are finished."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jaxtyping import Bool
from torch import Tensor

from backend.data.questions import QuestionSets
from backend.evaluation.evaluate import Evaluation, evaluate, summarise
from backend.evaluation.recordings import Recording
from backend.evaluation.results import Results, Run, scores_of
from backend.interventions.edit import Clamps, clamp_set
from backend.model.runner import Runner
from backend.progress import OnProgress, Progress, silent
from backend.setups import Scoring
from backend.store import if_it_can_be_kept

WAIT_S = 0.1


@dataclass(frozen=True)
class Turns:
    """Lets one run at a time hold the model.

    The model's modules are shared by all sessions, and two runs at once would each take twice as
    long and add up their memory. A turn ends with success, error and cancel.
    """

    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def taken(self) -> bool:
        return self._lock.locked()

    @contextmanager
    def turn(self, on_wait: OnProgress = silent) -> Iterator[None]:
        """Hold the model. `on_wait` is called while another run holds it; raising from it gives up
        the place in the queue.
        """
        while not self._lock.acquire(timeout=WAIT_S):
            on_wait(Progress("Waiting for another run to end", 0, 0, None))
        try:
            yield
        finally:
            self._lock.release()


@dataclass(frozen=True)
class Evaluator:
    """What clamps do to the questions of one recording, pushing along its runner's directions."""

    runner: Runner
    recording: Recording
    sets: QuestionSets
    scoring: Scoring
    turns: Turns
    listed: Results
    """The history of what the user tried."""
    unlisted: Results
    """Points of a curve, of a sweep, and controls."""

    def check(self, clamps: Clamps) -> Clamps:
        """The clamps, in range for this SAE. Raises BadClamps."""
        return clamp_set(clamps, self.runner.sae.d_sae)

    def finished(self, clamps: Clamps) -> Evaluation | None:
        """The complete evaluation of these clamps, if it was ever run."""
        clamps = self.check(clamps)
        run = self.listed.read(clamps) or self.unlisted.read(clamps)
        return None if run is None else self.evaluation_of(run)

    def evaluation_of(self, run: Run) -> Evaluation:
        """A kept run's figures."""
        baseline = self.recording.baseline
        scores, affected = scores_of(run, baseline)
        return summarise(self.sets, run.clamps, baseline, scores, affected, affected, run.seconds)

    def evaluate(
        self,
        clamps: Clamps,
        on_partial: Callable[[Evaluation], None] = lambda _: None,
        on_wait: OnProgress = silent,
        only: Bool[Tensor, " question"] | None = None,
        listed: bool = True,
    ) -> Evaluation:
        """What the clamps do. `on_partial` is called after each batch; raising from it (or from
        `on_wait`) cancels.

        A complete run over all questions is kept and answers at once when asked again. `listed`: it
        also enters the history of what the user tried, which the points of a curve or a control do
        not. Raises BadClamps.
        """
        clamps = self.check(clamps)
        if only is None and (finished := self.finished(clamps)) is not None:
            if listed and self.listed.read(clamps) is None:
                self._keep(self.listed, finished)
            return finished
        with self.turns.turn(on_wait):
            runs = evaluate(
                self.runner, self.recording, self.sets, clamps, scoring=self.scoring, only=only
            )
            for result in runs:
                on_partial(result)
        if only is None:
            self._keep(self.listed if listed else self.unlisted, result)
        return result

    @staticmethod
    def _keep(results: Results, evaluation: Evaluation) -> None:
        e = evaluation
        with if_it_can_be_kept("A finished evaluation"):
            results.write(e.clamps, e.scores, e.affected, e.seconds)
