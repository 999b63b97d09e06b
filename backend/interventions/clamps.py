"""Which features are set to what, and the text of it. Pure.

Values are raw activation units: 0 ablates, and v = -c is the paper's "clamp at -c".
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from backend.errors import BadClamps

MAX_CLAMPS = 1000
"""More than anybody tunes; bounds what a link or a file can ask for."""
MAX_VALUE = 3e6
"""Raw units; far beyond any activation, far within the range in which the model's arithmetic stays
finite.
"""


class Clamp(NamedTuple):
    feature: int
    value: float


Clamps = tuple[Clamp, ...]
"""Sorted by feature, each feature once: equal sets are equal values."""


def value_of(multiple: float, max_act: float) -> float:
    """A multiple of a feature's maximum activation, in raw units to two decimals.

    One unit a multiple if it never fired.
    """
    return round(multiple * unit_of(max_act), 2) + 0.0


def unit_of(max_act: float) -> float:
    """Raw units of one multiple; 1 for a feature that never fired in the corpora."""
    return max_act if max_act > 0 else 1.0


def clamp_set(clamps: Iterable[tuple[int, float]], d_sae: int | None = None) -> Clamps:
    """Checked and sorted.

    Raises BadClamps for a feature twice, out of range, or a value that is no finite number.
    """
    found: dict[int, float] = {}
    for feature, value in clamps:
        if feature in found:
            raise BadClamps(f"Feature {feature} is clamped twice.")
        check_feature(feature, d_sae)
        if not math.isfinite(value) or abs(value) > MAX_VALUE:
            raise BadClamps(
                f"Feature {feature} is clamped to {value:g}; "
                f"a finite number from -{MAX_VALUE:,.0f} to {MAX_VALUE:,.0f} was expected."
            )
        found[int(feature)] = float(value)
    if len(found) > MAX_CLAMPS:
        raise BadClamps(f"{len(found)} clamps were given; at most {MAX_CLAMPS} are possible.")
    return tuple(Clamp(feature, found[feature]) for feature in sorted(found))


def check_feature(feature: int, d_sae: int | None) -> None:
    """Raises BadClamps for one the SAE does not have; of an SAE whose width is not known, for one
    no SAE has.
    """
    if feature < 0 or (d_sae is not None and feature >= d_sae):
        top = "" if d_sae is None else f": this SAE has features 0 to {d_sae - 1}"
        raise BadClamps(f"There is no feature {feature}{top}.")


def parse_clamps(text: str, d_sae: int | None = None) -> Clamps:
    """Clamps from "12:-60,45:0"; empty text is no clamp.

    Raises BadClamps with an example of what would be right.
    """
    pairs: list[tuple[int, float]] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        feature, _, value = part.partition(":")
        try:
            pairs.append((int(feature), float(value)))
        except ValueError:
            shown = part if len(part) <= 40 else part[:40] + "…"
            raise BadClamps(
                f"'{shown}' is not a clamp. Write feature:value pairs, such as 12:-60,45:0."
            ) from None
    return clamp_set(pairs, d_sae)


def format_clamps(clamps: Clamps) -> str:
    """The text that `parse_clamps` reads back to the same clamps."""
    return ",".join(f"{clamp.feature}:{shortest(clamp.value)}" for clamp in clamps)


def shortest(value: float) -> str:
    """Six digits where they are the number, all of its digits where they are not."""
    six = f"{value:g}"
    return six if float(six) == value else repr(value)
