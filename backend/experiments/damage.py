"""Is it these features, or general damage? What speaks for either, on one scale. Pure.

Farrell et al. (2024) keep settings that leave 99 % of the retain accuracy; a clamp whose loss would
have come with any features, or with any push of that length, is damage (their section 5, and
backend.experiments.controls).
"""

from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

from backend.evaluation.evaluate import SetResult
from backend.evaluation.history import KEPT
from backend.evaluation.light import Light
from backend.evaluation.lights import OVERRUN
from backend.experiments.controls import N_RANDOM
from backend.experiments.effects import Effect
from backend.experiments.text_loss import TextLoss
from backend.wording import percent, signed

TEXT_ADDED = 0.1
"""Nats a token: text that takes a tenth more guesses (perplexity)."""
HALF = 0.5


class Sign(NamedTuple):
    """One thing that tells specific forgetting from general damage."""

    name: str
    place: float
    """0 where nothing speaks for damage, 0.5 at the sign's limit, 1 where all does."""
    finding: str


class Damage(NamedTuple):
    """Where a setting stands from forgetting by these features (0) to general damage (1)."""

    signs: tuple[Sign, ...]
    missing: tuple[str, ...]
    """What was not run, or does not apply."""

    def lacks(self, name: str) -> bool:
        return all(sign.name != name for sign in self.signs)

    @property
    def place(self) -> float:
        """The signs' mean: none of them decides by itself."""
        return mean(sign.place for sign in self.signs)

    @property
    def in_words(self) -> str:
        place = self.place
        words = (
            "these features"
            if place < 1 / 3
            else "more these features than damage"
            if place < HALF
            else "more damage than these features"
            if place < 2 / 3
            else "general damage"
        )
        most = max(self.signs, key=lambda sign: sign.place)
        return f"{words[0].upper()}{words[1:]}. What speaks most for damage: {most.finding}."


def kept_share(retain: SetResult) -> float:
    """Of the accuracy without clamps."""
    return retain.accuracy / retain.baseline_accuracy if retain.baseline_accuracy else 1.0


class Elsewhere(NamedTuple):
    """How much of a setting's forget loss its controls bring about as well, as shares, 0 to 1."""

    features: float
    """Random features, on average."""
    directions: float | None
    """At the same tokens along another direction, the one that does most; None where none was
    run.
    """


def elsewhere(own: Effect, others: Sequence[Effect]) -> Elsewhere | None:
    """None where not all random features were run, or nothing is lost."""
    mine = own.forget.change_pp
    drawn = [other.forget.change_pp for other in others if other.kind == "random features"]
    turned = [other.forget.change_pp for other in others if other.kind == "direction"]
    if len(drawn) < N_RANDOM or mine >= 0:
        return None

    def share(change: float) -> float:
        return min(1.0, max(0.0, change / mine))

    return Elsewhere(share(mean(drawn)), share(min(turned)) if turned else None)


def tenths(share: float) -> str:
    """A share of a loss, as one would say it."""
    n = round(10 * share)
    return {0: "none", 10: "all"}.get(n, f"{n} part{'s' if n > 1 else ''} in 10")


def _beyond(amount: float, limit: float) -> float:
    """0 at none, 0.5 at the limit, towards 1 beyond."""
    return max(0.0, amount) / (max(0.0, amount) + limit)


def damage(
    retain: SetResult, times: float | None, text: TextLoss | None, found: Elsewhere | None
) -> Damage:
    """`times`: the edit's length in lengths of the residual."""
    kept = kept_share(retain)
    signs = [Sign("rest kept", _beyond(1 - kept, 1 - KEPT), f"{percent(kept)} of the rest is kept")]
    missing = []
    if times is None:
        missing.append("the edit has no length")
    else:
        said = f"the edit is {times:.2f} times as long as the residual"
        signs.append(Sign("length", _beyond(times, OVERRUN), said))
    if text is None:
        missing.append("the loss on text is not known")
    else:
        said = f"text costs {signed(text.added, 3)} nats a token"
        signs.append(Sign("text", _beyond(text.added, TEXT_ADDED), said))
    if found is None:
        missing.append("the controls are not known")
    else:
        by_direction = (found.directions or 0.0) > found.features
        share = max(found.features, found.directions or 0.0)
        how = "along any direction" if by_direction else "with any features"
        signs.append(Sign("controls", share, f"{tenths(share)} of the loss would come {how}"))
    return Damage(tuple(signs), tuple(missing))


def specific(own: Effect, others: Sequence[Effect]) -> list[Light]:
    """The checks on the controls: these features, and their directions."""
    found = elsewhere(own, others)
    drawn = [other.forget.change_pp for other in others if other.kind == "random features"]
    turned = [other for other in others if other.kind == "direction"]
    mine = own.forget.change_pp
    if mine >= 0:
        return []
    features = Light(
        "These features, not any",
        None if found is None else found.features < HALF and not any(d <= mine for d in drawn),
        (
            f"{len(drawn)} of {N_RANDOM} sets of random features were run."
            if found is None
            else f"Random features that fire as often, pushed by the same length: "
            f"{signed(mean(drawn))} points of the forget questions on average, "
            f"these {signed(mine)}."
        ),
        "Where half of the loss or more comes with any features, most of it is damage.",
        "Run the controls." if found is None else "Clamp less strongly, or put a gate before it.",
    )
    as_much = [other for other in turned if other.forget.change_pp <= mine / 2]
    directions = Light(
        "Their directions, not any",
        not as_much if turned else None,
        (
            "At the same tokens by the same length along other directions: "
            + ", ".join(f"{other.name} {signed(other.forget.change_pp)}" for other in turned)
            + f" points, along their own {signed(mine)}."
            if turned
            else "No other direction was run."
        ),
        "Where another direction does half as much or more, it matters where these features fire "
        "(or where the gate opens), not which way they push.",
        "Say so where the result is reported." if turned else "Run the controls.",
    )
    return [features, directions]
