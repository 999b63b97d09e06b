"""Who wins: a setting beside the best of every other kind that costs no more. Pure.

Of a kind's runs the one is taken that forgets most on the selection half, among those that keep at
least as many retain questions right there as the setting does. What is said of it is over the
held-out half, on which neither was chosen here, paired question by question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from jaxtyping import Bool
from torch import Tensor

from backend.data.questions import QuestionSets
from backend.evaluation.history import Kind, Trial, kind_of
from backend.interventions.method import Setting
from backend.setups import Role
from backend.statistics import PairedChange, paired_change
from backend.wording import signed

Family = Literal["RMU", "direction", "random direction", "prompt", "clamps"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""Kinds of a run, with and without a gate taken together, in the order they are spoken of."""


def family_of(setting: Setting) -> Family:
    kind: Kind = kind_of(setting)
    return "clamps" if kind == "gated clamps" else kind


@dataclass(frozen=True)
class Pairs:
    """The same questions under the setting and under the one beside it."""

    n: int
    only_mine: int
    """Right under the setting alone."""
    only_theirs: int

    @property
    def change(self) -> PairedChange:
        """Of accuracy, from the setting to the one beside it."""
        return paired_change(self.only_mine, self.only_theirs, self.n)


@dataclass(frozen=True)
class Beside:
    """The best of a family at no more retain cost than the setting's."""

    family: Family
    name: str
    """Of the best; where none costs as little, of the one that keeps most."""
    n_tried: int
    kept: tuple[int, int, int]
    """Retain questions of the selection half: right under the setting, right under the one beside
    it, and all.
    """
    forget: Pairs
    """Of the held-out half; so is retain."""
    retain: Pairs

    @property
    def costs_as_little(self) -> bool:
        mine, theirs, _ = self.kept
        return theirs >= mine

    def in_words(self) -> str:
        many = self.family == "clamps"
        who = f"the clamps “{self.name}”" if many else self.name
        if not self.costs_as_little:
            mine, theirs, n = self.kept
            of = f"of {self.n_tried}, {who}" if self.n_tried > 1 else who
            return (
                f"No {self.family} tried so far cost{'' if many else 's'} as little: {of} "
                f"keep{'' if many else 's'} {theirs} of {n} retain questions of the selection "
                f"half, this setting {mine}."
            )
        forgets = _said(self.forget, "forget" if many else "forgets", falls=True)
        keeps = _said(self.retain, "keep" if many else "keeps")
        it = "they" if many else "it"
        return (
            f"At this retain cost {who} {forgets}, paired over {self.forget.n} held-out questions; "
            f"of the {self.retain.n} retain questions {it} {keeps}."
        )


def foremost(found: Sequence[Beside]) -> str:
    """In one sentence, which family forgets most at this setting's cost; empty where none was
    tried that costs as little.
    """
    cheap = [beside for beside in found if beside.costs_as_little]
    if not cheap:
        return ""
    best = min(cheap, key=lambda beside: beside.forget.change.change_pp)
    kind = {"clamps": "the best clamps", "RMU": "RMU"}.get(best.family, f"a {best.family}")
    said = _said(best.forget, "forget" if best.family == "clamps" else "forgets", falls=True)
    no_more = "" if best.forget.change.change_pp < 0 else "no rival forgets more: "
    return f"At this cost {no_more}{kind} {said} (held-out half)."


def _said(pairs: Pairs, verb: str, *, falls: bool = False) -> str:
    """The change as an amount that is more or less; `falls`: what is more is a lower accuracy."""
    if not pairs.only_mine + pairs.only_theirs:
        return f"{verb} the very same questions"
    change, low, high, _ = pairs.change
    if falls:
        change, low, high = -change, -high, -low
    amount = f"{abs(change):.1f} points {'more' if change > 0 else 'less'}" if change else "as much"
    # Stood on its head, so that amount and interval are of the word that is said.
    low, high = (low, high) if change >= 0 else (-high, -low)
    doubt = ", which may be chance" if change and low <= 0 else ""
    return f"{verb} {amount} [{_plain(low)}, {_plain(high)}]{doubt}"


def _plain(points: float) -> str:
    """Of an amount whose direction is said in words."""
    return signed(points).removeprefix("+")


def beside(
    setting: Setting,
    right: Bool[Tensor, " question"],
    trials: Sequence[Trial],
    names: Mapping[str, str],
    sets: QuestionSets,
    selection: Bool[Tensor, " question"],
) -> list[Beside]:
    """The setting, which answers `right`, beside each other family that was tried: beside all
    rivals if it clamps, beside the clamps too if it is one. `names` are those of the trials, by
    their ids.
    """
    own = family_of(setting)
    found = []
    for family in FAMILIES:
        tried = [t for t in trials if t.run.setting and family_of(t.run.setting) == family]
        if family != own and tried:
            found.append(_best(family, right, tried, names, sets, selection))
    return found


def _best(
    family: Family,
    right: Tensor,
    tried: Sequence[Trial],
    names: Mapping[str, str],
    sets: QuestionSets,
    selection: Tensor,
) -> Beside:
    def count(answered: Tensor, role: Role) -> int:
        return int((answered & sets.role(role) & selection).sum())

    def pairs(best: Trial, role: Role) -> Pairs:
        mine = sets.role(role) & ~selection
        return Pairs(
            int(mine.sum()),
            int((right & ~best.right & mine).sum()),
            int((best.right & ~right & mine).sum()),
        )

    kept, all_kept = count(right, "retain"), int((sets.role("retain") & selection).sum())
    as_little = [t for t in tried if count(t.right, "retain") >= kept]
    if as_little:
        best = min(as_little, key=lambda t: (count(t.right, "forget"), -count(t.right, "retain")))
    else:
        best = max(tried, key=lambda t: count(t.right, "retain"))
    return Beside(
        family,
        names[best.id],
        len(tried),
        (kept, count(best.right, "retain"), all_kept),
        pairs(best, "forget"),
        pairs(best, "retain"),
    )
