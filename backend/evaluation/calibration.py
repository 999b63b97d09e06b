"""Where a gate's tau stands: at a stated rate of false alarms, on questions or texts that are not
to be forgotten. Pure.

It is never set by held-out questions: those are what its false alarms are then counted on.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from backend.errors import BadInput

Rule = Literal["quantile", "conformal"]
Ground = Literal["questions", "corpus"]
UNITS: dict[Rule, str] = {"quantile": "sequences", "conformal": "largest statistics"}
"""What tau is found among. A gate decides about sequences, and in cloze a question has four of
them, one for each option, also where options of one token leave nothing but the question to read.
Those are no independent draws, so that the conformal rule takes each question's largest.
"""
GROUNDS: dict[Ground, str] = {
    "questions": "retain questions of the selection half",
    "corpus": "rows of retain text",
}
MOST_RATE = 0.5
LEAST_RATE = 1e-4


class Calibration(NamedTuple):
    tau: float
    rate: float
    """The share of false alarms that was asked for."""
    rule: Rule
    ground: Ground
    n: int
    """Statistics it stands on; see UNITS."""
    above: int
    """Of them, those the gate opens all the same."""

    def in_words(self) -> str:
        of = f"{self.n:,} {UNITS[self.rule]} ({GROUNDS[self.ground]})"
        if self.rule == "quantile":
            return (
                f"Tau {self.tau:.4g} is the {1 - self.rate:.4g} quantile of {of}; "
                f"{self.above} are above it."
            )
        return (
            f"Tau {self.tau:.4g} is conformal on {of}, {self.above} of them above it: a new one of "
            f"the same kind opens the gate with probability at most {self.rate:.4g}, whatever "
            "their distribution, if it is exchangeable with these."
        )


def calibrated(
    values: Sequence[float], rate: float, rule: Rule, ground: Ground = "questions"
) -> Calibration:
    """Tau from the statistics of what should stay closed.

    * quantile: the (1 - rate) quantile, the next larger value where it falls between two.
    * conformal: the ceil((n + 1)(1 - rate))-th smallest: a new value that is exchangeable with
      these lies above it with probability at most `rate` (Vovk, Gammerman and Shafer 2005; split
      conformal).

    Raises BadInput for a rate out of range, or too few values for it.
    """
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise BadInput(
            f"A share of false alarms of {rate:g} cannot be aimed at; it can be {LEAST_RATE:g} to "
            f"{MOST_RATE:g}, such as 0.05."
        )
    ordered, n = sorted(values), len(values)
    if not n:
        raise BadInput(f"There are no {GROUNDS[ground]} to find tau on. Give tau itself.")
    # A product such as 0.95 * 20 is a little off a whole number in binary.
    exact = (n - 1 if rule == "quantile" else n + 1) * (1 - rate)
    place = math.ceil(round(exact, 9)) - (0 if rule == "quantile" else 1)
    if place >= n:
        raise BadInput(
            f"{n} {GROUNDS[ground]} are too few for a conformal tau at {rate:g}: it takes "
            f"{math.ceil(round(1 / rate, 9)) - 1:,}. Ask for a larger share, or take the quantile."
        )
    tau = float(ordered[place])
    return Calibration(tau, rate, rule, ground, n, sum(value > tau for value in ordered))
