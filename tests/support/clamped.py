"""Clamps on a recording of one's own, as the engine runs them on its questions."""

from jaxtyping import Bool
from torch import Tensor

from backend.data.questions import QuestionSets
from backend.evaluation.action import clamping
from backend.evaluation.evaluate import Evaluation, evaluate
from backend.evaluation.recordings import Recording
from backend.interventions.gates import Rates
from backend.interventions.method import Setting
from backend.model.held import Ready
from backend.model.runner import Runner
from backend.setups import Scoring


def clamped(
    runner: Runner,
    recording: Recording,
    sets: QuestionSets,
    setting: Setting,
    scoring: Scoring,
    rates: Rates | None = None,
    only: Bool[Tensor, " question"] | None = None,
) -> Evaluation:
    """The complete run."""
    action = clamping(Ready(runner), recording, setting, scoring, rates)
    *_, last = evaluate(runner, recording, sets, setting, action, only=only)
    return last
