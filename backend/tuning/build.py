"""The paper's own procedure (Farrell, Lau and Conmy 2024, gemma-2b-it; their code,
automate_by_feature_attribution): a set of features built up from what each one does alone.

Candidates are named by the forget questions that the model answers right, by attribution. Each is
clamped alone. Kept are those that lose a forget question and next to no retain question; in the
order of the loss they add on ordinary text they are put together one at a time. All of it is
looked at on the selection half; held-out questions are never run.

What was tested is kept: a screening that was stopped goes on where it was, and side effects of 0, 1
and 2 are three readings of the same one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation, SetResult, pooled
from backend.experiments.halves import OfHalf, of_half
from backend.experiments.text_loss import text_loss
from backend.interventions.clamps import Clamp, clamp_set, value_of
from backend.interventions.method import PAPER, Method, Setting
from backend.progress import OnProgress, silent
from backend.reading.attribution import Strongest, strongest_of
from backend.setups import Role
from backend.tuning.tested import Tested, TestedBefore

SIDE_EFFECTS = (0, 1, 2)
"""Retain questions a kept feature may lose: the paper's three."""


@dataclass(frozen=True)
class Recipe:
    """What is tested, how strongly, and what is kept.

    Raises BadInput for numbers that make none.
    """

    multiple: float | None = -8.0
    """Of each feature's own maximum."""
    per_question: int = 20
    """Features a forget question names, half of them of each sign."""
    most: int = 150
    """Candidates that are tested, those first that most questions name."""
    side_effects: int = 0
    """Retain questions a kept feature may lose."""
    value: float | None = None
    """Raw units for all features in place of a multiple, which is None then; the paper's are -20
    and -25.
    """
    text: float = 0.1
    """Nats a token: once a set adds more to the loss on text, no further feature is put to it. What
    is harmless on the selection half's questions need not be on others; this shows on any text.
    """

    def __post_init__(self) -> None:
        if (self.multiple is None) == (self.value is None):
            raise BadInput("Features are clamped to a multiple or to a value: give one of the two.")
        if self.per_question < 1 or self.most < 1:
            raise BadInput("A set is built of at least one candidate, named by a question.")
        if self.side_effects not in SIDE_EFFECTS:
            raise BadInput(
                f"A kept feature may lose 0, 1 or 2 retain questions, not {self.side_effects}."
            )

    def clamp(self, feature: int, max_act: float) -> Clamp:
        if self.value is not None:
            return Clamp(feature, self.value)
        assert self.multiple is not None
        return Clamp(feature, value_of(self.multiple, max_act))

    @property
    def in_words(self) -> str:
        if self.value is not None:
            return f"each clamped to {self.value:g}"
        return f"each clamped to {self.multiple:g} times its maximum"


class Candidate(NamedTuple):
    feature: int
    named_by: int
    """Forget questions of the selection half, answered right, that name it among their
    strongest.
    """
    strength: float
    """The sizes of its attributions to them, added up."""


class Step(NamedTuple):
    """The first features of the order together."""

    n: int
    features: tuple[int, ...]
    """In the order in which they were added."""
    setting: Setting
    half: OfHalf
    """The selection half."""
    text_added: float | None
    """Nats a token; None for a setup without text."""


def candidates(engine: Engine, recipe: Recipe, on_progress: OnProgress = silent) -> list[Candidate]:
    """Those that most questions name first, of equals those with the strongest attributions.

    Raises Unavailable where the model answers no forget question of the selection half right.
    """
    found = strongest_of(engine, recipe.per_question, on_progress)
    return by_naming(found, engine.d_sae)[: recipe.most]


def by_naming(found: Strongest, d_sae: int) -> list[Candidate]:
    """All features that a question names, in order. Pure."""
    named = found.feature >= 0
    feature, size = found.feature[named], found.attribution[named].abs()
    named_by = torch.bincount(feature, minlength=d_sae)
    strength = torch.zeros(d_sae, dtype=torch.float64).index_add_(0, feature, size)
    every = [
        Candidate(f, int(named_by[f]), float(strength[f]))
        for f in named_by.nonzero().squeeze(-1).tolist()
    ]
    return sorted(every, key=lambda c: (-c.named_by, -c.strength, c.feature))


def screen(
    engine: Engine,
    recipe: Recipe,
    candidates: Iterable[Candidate],
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
) -> Iterator[Tested]:
    """Each candidate alone, in the order given; one that was tested before comes at once.

    Raising from a callback, or closing the generator, stops it; what is tested stays known.
    """
    before = TestedBefore(engine)
    try:
        for candidate in candidates:
            clamp = _clamp(engine, recipe, candidate.feature)
            tested = before.find(clamp)
            if tested is None:
                tested = _test(engine, clamp, on_partial, on_wait)
                before.add(clamp, tested)
            yield tested
    finally:
        before.write()


def screened(engine: Engine, recipe: Recipe, candidates: Iterable[Candidate]) -> list[Tested]:
    """Those of them that were tested before; nothing is run."""
    before = TestedBefore(engine)
    found = (before.find(_clamp(engine, recipe, one.feature)) for one in candidates)
    return [tested for tested in found if tested is not None]


def kept(tested: Iterable[Tested], side_effects: int) -> list[Tested]:
    """Those that alone lose a forget question and at most so many retain questions, by what they
    add to the loss on text, the least first, and of equals by what they lose.
    """
    good = [one for one in tested if one.lost >= 1 and one.retain_lost <= side_effects]
    return sorted(good, key=lambda one: (one.text_added or 0.0, -one.lost, one.feature))


def grow(
    engine: Engine,
    recipe: Recipe,
    order: Sequence[Tested],
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
    method: Method = PAPER,
) -> Iterator[Step]:
    """The first of the order alone, the first two together, and so on, as long as they add no more
    to the loss on text than the recipe allows.

    Raising from a callback, or closing the generator, stops it; what has run stays known.
    """
    selection, features = engine.half("selection"), [one.feature for one in order]
    for n in range(1, len(features) + 1):
        mine = tuple(features[:n])
        clamps = clamp_set(_clamp(engine, recipe, feature) for feature in mine)
        setting = engine.check(Setting(clamps, method))
        found = engine.evaluate(setting, on_partial, on_wait, only=selection, listed=False)
        text_added = _text_added(engine, setting, on_wait)
        if text_added is not None and text_added > recipe.text:
            return
        yield Step(n, mine, setting, of_half(engine, found, "selection"), text_added)


def _clamp(engine: Engine, recipe: Recipe, feature: int) -> Clamp:
    return recipe.clamp(feature, float(engine.atlas.table["max_act"].iloc[feature]))


def _test(
    engine: Engine,
    clamp: Clamp,
    on_partial: Callable[[Evaluation], None],
    on_wait: OnProgress,
) -> Tested:
    """Retain questions first: most candidates fall there, and after few of them."""
    setting = engine.check(Setting((clamp,)))

    def run(role: Role, enough: Callable[[Evaluation], bool] = lambda _: False) -> SetResult:
        only: Bool[Tensor, " question"] = engine.half("selection") & engine.sets.role(role)
        found = engine.evaluate(
            setting, on_partial, on_wait, only=only, listed=False, enough=enough
        )
        return pooled(found.sets, role)

    most = max(SIDE_EFFECTS)
    retain = run("retain", lambda so_far: pooled(so_far.sets, "retain").lost > most)
    if retain.lost > most:
        return Tested(clamp.feature, 0, 0, retain.lost, retain.gained, None, complete=False)
    forget = run("forget")
    text_added = _text_added(engine, setting, on_wait) if forget.lost else None
    return Tested(clamp.feature, forget.lost, forget.gained, retain.lost, retain.gained, text_added)


def _text_added(engine: Engine, setting: Setting, on_progress: OnProgress) -> float | None:
    loss = text_loss(engine, setting, on_progress)
    return None if loss is None else loss.added
