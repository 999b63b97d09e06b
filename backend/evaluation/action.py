"""What is done to a recording's rows, before anything runs: which change, and what runs them.

Clamps are one action, what stands in their place (backend.rivals) are others; backend.evaluation
runs all of them in the same way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.evaluation.change import effective_edit, plan_of_change
from backend.evaluation.kept_answers import answer_keys
from backend.evaluation.recordings import Recording
from backend.evaluation.tail import Tail
from backend.interventions.edit import add_edit
from backend.interventions.gates import Rates, opening
from backend.interventions.method import Setting
from backend.model.held import Loads
from backend.model.rows import Plan
from backend.setups import Scoring


class Running(NamedTuple):
    """An action with its model at hand."""

    plan: Plan
    run: Callable[[Int[Tensor, " row"]], tuple[Int[Tensor, " row"], Float[Tensor, "row choice"]]]
    """These rows, which come back in their batch's order, and their scores."""


@dataclass(frozen=True)
class Action:
    affected: Bool[Tensor, " row"]
    """Rows whose scores may change; the others keep theirs bit for bit."""
    keys: Callable[[Int[Tensor, " row"], str], list[bytes]]
    """For rows and a salt, what their scores depend on: see backend.evaluation.kept_answers."""
    start: Callable[[], Running]
    """Loads what it needs; raises as backend.model.held does."""


def clamping(
    held: Loads,
    recording: Recording,
    setting: Setting,
    scoring: Scoring,
    rates: Rates | None = None,
    along: str = "",
) -> Action:
    """What clamps do. `rates` are needed by a cusum gate alone; `along` names the directions they
    push along, where these are not the SAE's.
    """
    rows, opened = recording.rows, opening(recording.rows, recording.acts, setting, rates)
    edit = effective_edit(rows, recording.acts, setting, opened)
    plan = plan_of_change(rows, edit.token, None, opened)
    keep_norm = setting.method.keep_norm

    def keys(chosen: Int[Tensor, " row"], salt: str) -> list[bytes]:
        return answer_keys(plan, edit, chosen, keep_norm, f"{along} {salt}")

    def start() -> Running:
        runner = held.runner

        def edited(resid: Float[Tensor, "n d_model"], hits: Int[Tensor, " n"]) -> Tensor:
            added = edit.vectors(runner.sae.W_dec, hits).to(resid.device)
            return add_edit(resid, added, keep_norm)

        tail = Tail(runner, recording, edit.token, edited, opened, scoring)
        return Running(tail.plan, tail.run)

    return Action(plan.entries.lengths() > 0, keys, start)
