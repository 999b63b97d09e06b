"""What was found, as rows of charts and tables. Accuracies in percent."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from backend import wording
from backend.evaluation.evaluate import SetResult
from backend.experiments.halves import OfHalf
from backend.interventions.method import format_method
from backend.tuning.build import Step, Tested
from backend.tuning.multipliers import Moved
from backend.tuning.search import Tried
from backend.wording import percent
from components.clamping.when import KINDS

Name = Callable[[int], str]
"""What a feature is called."""


def said(s: SetResult) -> str:
    """Accuracy, change, interval and over how many."""
    change = (
        wording.points(s.change_pp, s.ci_low_pp, s.ci_high_pp)
        if s.lost + s.gained
        else "no answer changed"
    )
    return f"{percent(s.accuracy)}, {change}, n {s.n}"


def change(s: SetResult) -> str:
    """How much it changed, with its interval: for tables, below which it is said over how many."""
    if not s.lost + s.gained:
        return "none"
    return wording.points(s.change_pp, s.ci_low_pp, s.ci_high_pp)


def both_said(half: OfHalf) -> str:
    return f"forget {said(half.forget)}; retain {said(half.retain)}"


def step_rows(steps: Sequence[Step]) -> pd.DataFrame:
    """One row for each number of features and role."""
    return pd.DataFrame(
        [
            {
                "n": step.n,
                "role": s.role,
                "accuracy": 100 * s.accuracy,
                "low": max(0.0, 100 * s.baseline_accuracy + s.ci_low_pp),
                "high": min(100.0, 100 * s.baseline_accuracy + s.ci_high_pp),
                "baseline": 100 * s.baseline_accuracy,
                "said": f"{step.n} together: {s.role} {said(s)}",
            }
            for step in steps
            for s in step.half
        ]
    )


def text_rows(steps: Sequence[Step]) -> pd.DataFrame:
    """Of the sets whose loss on text is known."""
    rows = [{"n": s.n, "text_added": s.text_added} for s in steps if s.text_added is not None]
    return pd.DataFrame(rows, columns=["n", "text_added"])


def kept_table(order: Sequence[Tested], steps: Sequence[Step], name: Name) -> pd.DataFrame:
    """The kept features in their order: each alone, and all down to it together once that is
    known.
    """
    together = {step.n: step for step in steps}
    return pd.DataFrame(
        [
            {
                "n": i,
                "feature": one.feature,
                "label": name(one.feature),
                "lost": one.lost,
                "retain lost": one.retain_lost,
                "text": one.text_added,
                "forget": change(together[i].half.forget) if i in together else "",
                "retain": change(together[i].half.retain) if i in together else "",
            }
            for i, one in enumerate(order, 1)
        ]
    )


def move_rows(moves: Sequence[Moved]) -> pd.DataFrame:
    """One row a step."""
    return pd.DataFrame(
        [
            {
                "step": move.step,
                "forget": 100 * move.half.forget.accuracy,
                "retain": 100 * move.half.retain.accuracy,
                "baseline_forget": 100 * move.half.forget.baseline_accuracy,
                "baseline_retain": 100 * move.half.retain.baseline_accuracy,
                "loss": move.stop_loss,
                "said": f"step {move.step}: {both_said(move.half)}",
            }
            for move in moves
        ]
    )


def move_table(moves: Sequence[Moved]) -> pd.DataFrame:
    """The same in words, the last step first."""
    return pd.DataFrame(
        [
            {
                "step": move.step,
                "objective": move.stop_loss,
                "forget": change(move.half.forget),
                "retain": change(move.half.retain),
                "method": format_method(move.setting.method),
            }
            for move in reversed(moves)
        ]
    )


def tried_rows(
    tried: Sequence[Tried], on_front: Sequence[Tried], chosen: Tried | None
) -> pd.DataFrame:
    """One row a setting, in the order of trying."""
    front = {one.number for one in on_front}
    return pd.DataFrame(
        [
            {
                "number": one.number,
                "kind": gate_name(one),
                "forget": 100 * one.half.forget.accuracy,
                "retain": 100 * one.half.retain.accuracy,
                "front": one.number in front,
                "best": chosen is not None and one.number == chosen.number,
                "said": f"{one.number}: {one.words}: {both_said(one.half)}",
            }
            for one in tried
        ]
    )


def tried_table(tried: Sequence[Tried], on_front: Sequence[Tried]) -> pd.DataFrame:
    """The same in words; what forgets most comes first."""
    front = {one.number for one in on_front}

    def order(one: Tried) -> tuple[float, float]:
        return one.half.forget.accuracy, -one.half.retain.accuracy

    rows: list[dict[str, Any]] = [
        {
            "number": one.number,
            "front": one.number in front,
            "setting": one.words,
            "forget": change(one.half.forget),
            "retain": change(one.half.retain),
        }
        for one in sorted(tried, key=order)
    ]
    return pd.DataFrame(rows)


def gate_name(one: Tried) -> str:
    """When the setting acts, as the Clamp page calls it."""
    gate = one.setting.method.gate
    return KINDS["none" if gate is None else gate.kind]
