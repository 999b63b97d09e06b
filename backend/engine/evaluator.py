"""Settings evaluated one at a time, and kept once they are finished."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from statistics import median

from jaxtyping import Bool
from torch import Tensor

from backend import showcase
from backend.data.questions import QuestionSets
from backend.evaluation.action import Action, clamping
from backend.evaluation.evaluate import Evaluation, evaluate, summarise
from backend.evaluation.kept_answers import KeptAnswers
from backend.evaluation.recordings import Recording
from backend.evaluation.results import Results, Run, scores_of
from backend.interventions.gates import Rates, fire_rates
from backend.interventions.method import Setting, setting_of
from backend.model.held import Loads
from backend.model.memory import give_back
from backend.model.runner import Runner
from backend.progress import OnProgress, Progress, silent
from backend.rivals.rivals import Rivals
from backend.setups import Scoring
from backend.store import if_it_can_be_kept

WAIT_S = 0.1
REMEMBERED = 9
"""Turns of a kind by which the next ones are estimated."""


@dataclass(eq=False)
class _Ticket:
    """A place in the queue for the model."""

    kind: str
    begun: float | None = None
    """When its turn began, by time.monotonic."""


class Turns:
    """Lets one run at a time hold the model: first come, first served.

    The model's modules are shared by all sessions, and two runs at once would each take twice as
    long and add up their memory. A turn ends with success, error and cancel.
    """

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._queue: deque[_Ticket] = deque()
        """In the order of asking; the first holds the model, or is about to."""
        self._took: dict[str, deque[float]] = {}
        """Seconds of the last turns of each kind."""

    @property
    def taken(self) -> bool:
        return bool(self._queue)

    @contextmanager
    def turn(self, on_wait: OnProgress = silent, kind: str = "evaluation") -> Iterator[None]:
        """Hold the model. While others come before, `on_wait` is told how many, and how long by the
        last turns of their kinds; raising from it gives up the place in the queue. Raises Showcase
        where nothing is run.
        """
        showcase.refuse()
        mine = _Ticket(kind)
        with self._moved:
            self._queue.append(mine)
        try:
            while (waiting := self._wait(mine)) is not None:
                on_wait(waiting)
            mine.begun = time.monotonic()
            yield
        finally:
            with self._moved:
                self._queue.remove(mine)
                if mine.begun is not None:
                    took = self._took.setdefault(kind, deque(maxlen=REMEMBERED))
                    took.append(time.monotonic() - mine.begun)
                self._moved.notify_all()
            give_back()

    def _wait(self, mine: _Ticket) -> Progress | None:
        """Until it is this one's turn, which is None, or at most WAIT_S."""
        with self._moved:
            if self._moved.wait_for(lambda: self._queue[0] is mine, WAIT_S):
                return None
            before = list(itertools.takewhile(lambda ticket: ticket is not mine, self._queue))
            n = len(before)
            stage = f"{n} runs are before yours" if n > 1 else "1 run is before yours"
            return Progress(stage, 0, 0, self._seconds_left(before))

    def _seconds_left(self, tickets: Sequence[_Ticket]) -> float | None:
        """Of all these turns, by the median of their kind's last ones; None where one of a kind is
        the first, or the one that runs has taken longer than that.
        """
        now, left = time.monotonic(), 0.0
        for ticket in tickets:
            if not (took := self._took.get(ticket.kind)):
                return None
            mine = median(took) - (now - ticket.begun if ticket.begun is not None else 0.0)
            if mine < 0:
                return None
            left += mine
        return left


@dataclass(frozen=True)
class Evaluator:
    """What settings do to the questions of one recording, pushing along its runner's directions."""

    held: Loads
    recording: Recording
    sets: QuestionSets
    scoring: Scoring
    turns: Turns
    listed: Results
    """The history of what the user tried."""
    unlisted: Results
    """Points of a curve, of a sweep, and controls."""
    selection: Bool[Tensor, " question"]
    """Questions that features and gates may be chosen on."""
    kept: KeptAnswers
    """Answers by the edit that acts on a question; those of all directions."""
    rivals: Rivals
    """What stands in the place of clamps."""
    pushing: str = ""
    """The name of the directions, where they are not the SAE's."""

    @property
    def runner(self) -> Runner:
        return self.held.runner

    def check(self, setting: Setting) -> Setting:
        """The setting, in range for this SAE. Raises BadClamps, BadMethod or BadRival."""
        return setting_of(*setting, d_sae=self.recording.acts.d_sae)

    def rates(self, setting: Setting) -> Rates | None:
        """How often the clamped features fire on the selection half's question tokens, which a
        cusum gate asks for; None for any other.
        """
        gate = setting.method.gate
        if gate is None or gate.kind != "cusum":
            return None
        row = self.recording.rows.row_of_token()
        forget, retain = (
            (self.sets.role(role) & self.selection)[row] for role in ("forget", "retain")
        )
        return fire_rates(self.recording.acts, setting, forget, retain)

    def action(
        self, setting: Setting, recording: Recording | None = None, scoring: Scoring | None = None
    ) -> Action:
        """What the setting comes to: on the questions, or on what else was recorded."""
        recording = self.recording if recording is None else recording
        scoring = self.scoring if scoring is None else scoring
        if setting.rival is not None:
            return self.rivals.action(setting.rival, recording, scoring)
        rates = self.rates(setting)
        return clamping(self.held, recording, setting, scoring, rates, self.pushing)

    def finished(self, setting: Setting) -> Evaluation | None:
        """The complete evaluation of this setting, if it was ever run."""
        setting = self.check(setting)
        run = self.listed.read(setting) or self.unlisted.read(setting)
        if run is None and not setting:
            run = Run((), [], 0.0, 0.0)  # the baseline itself: there is nothing to run
        return None if run is None else self.evaluation_of(run)

    def evaluation_of(self, run: Run) -> Evaluation:
        """A kept run's figures."""
        baseline = self.recording.baseline
        scores, affected = scores_of(run, baseline)
        found = summarise(self.sets, run.setting, baseline, scores, affected, affected, run.seconds)
        return replace(found, kept=run.when)

    def evaluate(
        self,
        setting: Setting,
        on_partial: Callable[[Evaluation], None] = lambda _: None,
        on_wait: OnProgress = silent,
        only: Bool[Tensor, " question"] | None = None,
        listed: bool = True,
        anew: bool = False,
        enough: Callable[[Evaluation], bool] = lambda _: False,
    ) -> Evaluation:
        """What the setting does. `on_partial` is called after each batch; raising from it (or from
        `on_wait`) cancels.

        A complete run over all questions is kept and answers at once when asked again, and a
        question to which another setting made the same edit is not run again; `anew` runs all the
        same, and keeps nothing. `listed`: the run also enters the history of what the user tried,
        which the points of a curve or a control do not. A run stops where what it has so far is
        `enough`: it is returned as it is, and goes on from there when asked for again. Raises
        BadClamps, BadMethod, or BadRival, also for a rival that is not there.
        """
        setting = self.check(setting)
        whole = only is None and not anew
        if whole and (finished := self.finished(setting)) is not None:
            if listed and not showcase.is_on() and self.listed.read(setting) is None:
                self._keep(self.listed, finished)
            return finished
        with self.turns.turn(on_wait):
            if setting.rival is not None:
                self.rivals.ready(setting.rival, on_wait)
            runs = evaluate(
                self.runner,
                self.recording,
                self.sets,
                setting,
                self.action(setting),
                only=only,
                kept=None if anew else self.kept,
            )
            with closing(runs):
                for result in runs:
                    on_partial(result)
                    if enough(result):
                        break
        if whole and result.complete:
            self._keep(self.listed if listed else self.unlisted, result)
        return result

    @staticmethod
    def _keep(results: Results, evaluation: Evaluation) -> None:
        e = evaluation
        with if_it_can_be_kept("A finished evaluation"):
            results.write(e.setting, e.scores, e.affected, e.seconds)
