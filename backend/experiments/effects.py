"""What a setting did beside its controls, and what follows from it in words. Pure."""

from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

from backend.evaluation.evaluate import Evaluation, SetResult, pooled
from backend.experiments.controls import N_RANDOM, Control, Kind
from backend.wording import always_signed, percent


class Effect(NamedTuple):
    """What a setting does to all forget questions together, and to all retain questions."""

    kind: Kind
    name: str
    how: str
    forget: SetResult
    retain: SetResult


def own_effect(evaluation: Evaluation) -> Effect:
    """Of the user's own clamps."""
    return _effect("own", "these features", "", evaluation)


def control_effect(control: Control, evaluation: Evaluation) -> Effect:
    return _effect(control.kind, control.name, control.how, evaluation)


def _effect(kind: Kind, name: str, how: str, evaluation: Evaluation) -> Effect:
    forget = pooled(evaluation.sets, "forget")
    return Effect(kind, name, how, forget, pooled(evaluation.sets, "retain"))


def compared(own: Effect, others: Sequence[Effect]) -> str:
    """In words: how the clamp compares with random features, and with the same push along other
    directions.

    A direction control that does half as much or more says that the place matters, where these
    features fire, not their directions.
    """
    randoms = [other for other in others if other.kind == "random features"]
    drawn = [other.forget.change_pp for other in randoms]
    if len(drawn) < N_RANDOM:
        return f"{len(drawn)} of {N_RANDOM} sets of random features are known so far."
    mine = own.forget.change_pp
    if own.forget.lost <= own.forget.gained:
        return (
            "This clamp loses no more forget questions than it gains: there is nothing to explain."
        )
    said = [
        f"These features: {always_signed(mine)} points of the forget questions; "
        f"{N_RANDOM} random sets: {always_signed(mean(drawn))} on average "
        f"({always_signed(min(drawn))} to {always_signed(max(drawn))})."
    ]
    as_much = sum(change <= mine for change in drawn)
    if as_much:
        said.append(
            f"{as_much} of {N_RANDOM} did as much or more: this looks like general damage, not "
            "these features. Clamp less strongly."
        )
    else:
        share = max(0.0, mean(drawn) / mine)
        said.append(
            f"None did as much (by luck alone: 1 time in {N_RANDOM + 1}). About "
            f"{percent(share, 0)} of the loss would have come with any features."
        )
    kept = mean(other.retain.change_pp for other in randoms)
    said.append(
        f"The retain questions: {always_signed(own.retain.change_pp)} with these, "
        f"{always_signed(kept)} with the random sets."
    )
    if often := [other for other in others if other.kind == "random, open as often"]:
        said.append(
            "With tau where as many questions are open: "
            f"{always_signed(mean(other.forget.change_pp for other in often))} forget, "
            f"{always_signed(mean(other.retain.change_pp for other in often))} retain."
        )
    if turned := [other for other in others if other.kind == "direction"]:
        did = ", ".join(
            f"{other.name} {always_signed(other.forget.change_pp)} "
            f"(retain {always_signed(other.retain.change_pp)})"
            for other in turned
        )
        said.append(f"As much at the same tokens along other directions: {did}.")
        if any(other.forget.change_pp <= mine / 2 for other in turned):
            said.append(
                "So it matters more here where these features fire than which way they push."
            )
    return " ".join(said)
