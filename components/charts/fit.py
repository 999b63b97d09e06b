"""Axes that fit the cloud: a dot far outside stands at the edge instead of squashing the rest."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CLOUD = (0.05, 0.95)
"""Quantiles between which the cloud lies."""
BESIDE = 0.75
"""A dot belongs to the cloud up to this many of its widths beside it."""
MARGIN = 0.06
"""Of the axis, left free on either side."""
LEAST = 4.0
"""Percentage points; a cloud is not drawn larger than that."""


class Limits(NamedTuple):
    low: float
    high: float

    def clip(self, value: float) -> float:
        return min(self.high, max(self.low, value))

    def outside(self, value: float) -> int:
        """-1 below, 1 above, 0 between."""
        return int(value > self.high) - int(value < self.low)


def limits(values: Sequence[float], always: Sequence[float] = ()) -> Limits:
    """Of an axis in percent, from the dots' quantiles and what must `always` be seen, such as the
    accuracy without clamps.

    One value at least, of either.
    """
    seen = [*values, *always]
    low, high = np.quantile(seen, CLOUD)
    low, high = min([low, *always]), max([high, *always])
    beside = BESIDE * max(high - low, LEAST)
    return around([value for value in seen if low - beside <= value <= high + beside])


def around(values: Sequence[float]) -> Limits:
    """Of an axis on which all of these are seen."""
    low, high = min(values), max(values)
    missing = max(0.0, LEAST - (high - low)) / 2
    margin = MARGIN * max(high - low, LEAST)
    return Limits(float(low - missing - margin), float(high + missing + margin))


ARROWS = {
    (-1, 0): "←",
    (1, 0): "→",
    (0, -1): "↓",
    (0, 1): "↑",
    (-1, -1): "↙",
    (1, -1): "↘",
    (-1, 1): "↖",
    (1, 1): "↗",
}
"""By where a dot lies: across, up."""
