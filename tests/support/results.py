"""A set's figures, for what draws them."""

from dataclasses import replace

from backend.evaluation.evaluate import SetResult
from backend.setups import Role
from backend.statistics import Interval, paired_change

RESULT = SetResult(
    name="b",
    title="Bio <b>",
    role="forget",
    n=200,
    n_affected=50,
    n_done=50,
    baseline_accuracy=0.7,
    baseline_interval=Interval(0.6, 0.8),
    accuracy=0.5,
    lost=45,
    gained=5,
    change_pp=-20.0,
    ci_low_pp=-26.1,
    ci_high_pp=-13.9,
    p_value=1e-8,
    inconclusive=False,
)
"""Complete, with more lost than gained; its title must be escaped."""


def result(name: str, *, n: int, lost: int, gained: int = 0, role: Role = "forget") -> SetResult:
    """The figures of n questions, 70 % of them right before."""
    change = paired_change(lost, gained, n or 1)
    return replace(
        RESULT,
        name=name,
        title=name,
        role=role,
        n=n,
        lost=lost,
        gained=gained,
        accuracy=0.7 + change.change_pp / 100,
        change_pp=change.change_pp,
        ci_low_pp=change.ci_low_pp,
        ci_high_pp=change.ci_high_pp,
        p_value=change.p_value,
    )
