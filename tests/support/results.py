"""A set's figures, for what draws them."""

from backend.evaluation.evaluate import SetResult
from backend.statistics import Interval

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
