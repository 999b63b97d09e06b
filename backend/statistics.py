"""Accuracy, and the change between two runs over the same questions. Pure.

The comparison is paired: lost = right without the clamp and wrong with it, gained = the reverse.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

Z95 = 1.959963984540054
SIGNIFICANT = 0.05
"""A p below this is taken not to be chance."""


class Interval(NamedTuple):
    low: float
    high: float


class PairedChange(NamedTuple):
    change_pp: float
    """Percentage points."""
    ci_low_pp: float
    ci_high_pp: float
    p_value: float
    """Exact McNemar, two-sided."""


class MeanChange(NamedTuple):
    mean: float
    low: float
    high: float


class Estimate(Protocol):
    """A change in percentage points with its 95 % interval."""

    @property
    def change_pp(self) -> float: ...

    @property
    def ci_low_pp(self) -> float: ...

    @property
    def ci_high_pp(self) -> float: ...


def wilson(right: int, n: int) -> Interval:
    """95 % interval of one accuracy (Wilson 1927), as fractions."""
    share, z2 = right / n, Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def mcnemar_p(lost: int, gained: int) -> float:
    """Exact two-sided binomial p: discordant questions are as likely lost as gained.

    1.0 when there are none.
    """
    discordant = lost + gained
    if discordant == 0:
        return 1.0
    below = sum(math.comb(discordant, k) for k in range(min(lost, gained) + 1))
    return min(1.0, 2 * below / (1 << discordant))


def paired_change(lost: int, gained: int, n: float) -> PairedChange:
    """Change in accuracy over n paired questions, with the Wald interval from the discordant pairs:

        se = sqrt((lost + gained) - (gained - lost)² / n) / n

    With no discordant pair the interval has no width: nothing changed over these questions, which
    is all it says.
    """
    change = (gained - lost) / n
    se = math.sqrt(max(0.0, lost + gained - (gained - lost) ** 2 / n)) / n
    low, high = max(-1.0, change - Z95 * se), min(1.0, change + Z95 * se)
    return PairedChange(100 * change, 100 * low, 100 * high, mcnemar_p(lost, gained))


def difference(a: Estimate, b: Estimate) -> tuple[float, Interval]:
    """How many points more a change is than another one over other questions, and a 95 % interval:
    of independent estimates the variances add up. Both intervals are taken to be Wald's, as
    `paired_change` gives them.
    """
    half = math.hypot(*((e.ci_high_pp - e.ci_low_pp) / 2 for e in (a, b)))
    found = a.change_pp - b.change_pp
    return found, Interval(found - half, found + half)


class Counted(NamedTuple):
    """Questions, and how many of them were lost and gained."""

    n: int
    lost: int
    gained: int


def partial_change(
    known: Counted, sample: Counted, rest: int, n: int
) -> tuple[PairedChange, float]:
    """Change in accuracy over n questions of which some are `known` and `rest` are being run; of
    these `sample` has run, drawn at random. And how sure it is: the final change lies within so
    many points of it, 95 times in 100; infinite while there is no sample.

    What is known counts as it is, the sample for all of the rest:

        lost = lost_known + lost_sample * rest / m,  gained alike
        var  = (lost + gained - (gained - lost)² / n) / n²  +  rest² (1 - m / rest) s² / m / n²

    where the first term is that of `paired_change` and the second that of a total estimated from m
    of `rest` without replacement (Cochran 1977, section 2.6). s² is the variance of -1, 0, 1, with
    one more question that changed and one that did not, so that a sample in which none changed is
    not sure of it. With all of the rest done this is `paired_change`. p is of what was counted.
    """
    m = sample.n
    if not rest or m == rest:
        whole = paired_change(known.lost + sample.lost, known.gained + sample.gained, n)
        return whole, 0.0
    scale = rest / m if m else 0.0
    lost, gained = known.lost + sample.lost * scale, known.gained + sample.gained * scale
    change = (gained - lost) / n
    of_questions = max(0.0, lost + gained - (gained - lost) ** 2 / n) / n**2
    share = (sample.lost + sample.gained + 1) / (m + 2)
    spread = share - ((sample.gained - sample.lost) / (m + 2)) ** 2
    of_sample = rest**2 * (1 - m / rest) * spread / m / n**2 if m else math.inf
    half = Z95 * math.sqrt(of_questions + of_sample)
    low, high = max(-1.0, change - half), min(1.0, change + half)
    p = mcnemar_p(known.lost + sample.lost, known.gained + sample.gained)
    return PairedChange(100 * change, 100 * low, 100 * high, p), 100 * Z95 * math.sqrt(of_sample)


def mean_change(differences: Sequence[float]) -> MeanChange:
    """Mean of paired differences with its 95 % normal interval.

    One difference alone has no interval but the whole line.
    """
    mean = math.fsum(differences) / len(differences)
    if len(differences) < 2:
        return MeanChange(mean, -math.inf, math.inf)
    variance = math.fsum((d - mean) ** 2 for d in differences) / (len(differences) - 1)
    half = Z95 * math.sqrt(variance / len(differences))
    return MeanChange(mean, mean - half, mean + half)


def is_inconclusive(right: int, n: int, chance: float) -> bool:
    """True when chance lies in the accuracy's interval.

    A model that may be guessing has nothing to forget.
    """
    low, high = wilson(right, n)
    return low <= chance <= high


def longest_option_accuracy(choices: Sequence[Sequence[str]], answers: Sequence[int]) -> float:
    """What always picking the longest option scores; of several longest, each counts its share."""
    total = 0.0
    for options, answer in zip(choices, answers, strict=True):
        lengths = [len(option) for option in options]
        if lengths[answer] == max(lengths):
            total += 1 / lengths.count(max(lengths))
    return total / len(answers)
