"""One question taken apart: its answer at every strength of the clamps, and without each of them.

Every point is the engine's own run of that setting on the one question, whose answer is kept by its
edit: what ran once is looked up.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from backend.data.questions import LETTERS, N_CHOICES
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.experiments import dose
from backend.interventions.clamps import MAX_VALUE, Clamp, clamp_set, unit_of, value_of
from backend.interventions.method import NOTHING, Setting, setting_of
from backend.interventions.rival import PUSHED, TITLES
from backend.progress import OnProgress, silent

FACTORS = (0.0, 2.0, 0.5, 1.5, 0.25, 0.75, 1.25, 1.75)
"""Of the present strength of all clamps together, the curve's outline first."""
CLOSE = 0.05
"""A strength of the grid this close to the present one is left to that one."""
HALVINGS = 3
"""How often an interval in which the answer flips is cut in two."""


class Answer(NamedTuple):
    """What the model answers to the question."""

    scores: tuple[float, ...]
    """Log-likelihoods of the four options; per character where the setup says so."""

    @property
    def shares(self) -> tuple[float, ...]:
        """Each option's share of the four options' likelihood."""
        return tuple(torch.tensor(self.scores).softmax(-1).tolist())

    @property
    def choice(self) -> int:
        return self.scores.index(max(self.scores))

    def margin(self, right: int) -> float:
        """Score of the right option minus that of the likeliest wrong one, in nats: it goes on
        moving where shares are near 0 or 1.
        """
        wrong = max(score for i, score in enumerate(self.scores) if i != right)
        return self.scores[right] - wrong


class Point(NamedTuple):
    strength: float | None
    """None: without the feature that is scrubbed, or without the setting."""
    answer: Answer


@dataclass(frozen=True)
class Scrub:
    """Which strength is moved."""

    kind: Literal["all", "feature", "direction"]
    feature: int | None
    present: float
    """All together: 1, the strength they have. A feature's: in multiples of its maximum activation.
    A direction's: its own.
    """
    unit: float = 1.0
    """Raw activation units of a feature's multiple."""

    def strengths(self) -> tuple[float, ...]:
        """The present one, then a grid, in the order in which they run."""
        grid = {"all": FACTORS, "feature": dose.MULTIPLES, "direction": dose.STRENGTHS}[self.kind]
        return (self.present, *(s for s in grid if abs(s - self.present) >= CLOSE))


def scrub_of(engine: Engine, setting: Setting, feature: int | None = None) -> Scrub:
    """Of all clamps together, of one clamped `feature`, or of a direction. Raises BadInput where
    there is no such strength.
    """
    rival = setting.rival
    if rival is not None:
        if rival.kind not in PUSHED:
            raise BadInput(f"{TITLES[rival.kind]} has no strength that could be moved.")
        if feature is not None:
            raise BadInput("No feature is clamped here: a direction has one strength.")
        return Scrub("direction", None, rival.strength)
    if not setting.clamps:
        raise BadInput("Nothing is clamped: clamp a feature, or load a preset, first.")
    if feature is None:
        return Scrub("all", None, 1.0)
    value = next((clamp.value for clamp in setting.clamps if clamp.feature == feature), None)
    if value is None:
        raise BadInput(f"Feature {feature} is not clamped here: choose one of those that are.")
    unit = unit_of(engine.atlas.summary(feature)["max_act"])
    return Scrub("feature", feature, value / unit, unit)


def scrubbed(setting: Setting, scrub: Scrub, strength: float | None) -> Setting | None:
    """The setting at that strength; None where no such value can be clamped to."""
    if strength == scrub.present:
        return setting
    if strength is None:
        return NOTHING if scrub.feature is None else without(setting, scrub.feature)
    if setting.rival is not None:
        return Setting(rival=replace(setting.rival, strength=strength))
    if scrub.feature is None:
        values = [(c.feature, c.value * strength + 0.0) for c in setting.clamps]
    else:
        moved = value_of(strength, scrub.unit)
        values = [(f, moved if f == scrub.feature else value) for f, value in setting.clamps]
    if max(abs(value) for _, value in values) > MAX_VALUE:
        return None
    return Setting(clamp_set(values), setting.method)


def without(setting: Setting, feature: int) -> Setting:
    """The setting with one feature left out."""
    return setting_of((c for c in setting.clamps if c.feature != feature), setting.method)


# -- answers ---------------------------------------------------------------------------------------


def answer(engine: Engine, place: int, setting: Setting, on_wait: OnProgress = silent) -> Answer:
    """What the model answers under the setting to the question at that place among all; looked up
    where the same was done to it before. Raises as Engine.evaluate does.
    """
    known = _known(engine, place, setting)
    if known is not None:
        return known
    result = engine.evaluate(setting, on_wait=on_wait, only=only(engine, place), listed=False)
    return Answer(tuple(result.scores[place].tolist()))


def only(engine: Engine, place: int) -> Bool[Tensor, " question"]:
    return torch.arange(engine.n_questions) == place


def _known(engine: Engine, place: int, setting: Setting) -> Answer | None:
    """The answer, where nothing has to run for it."""
    key = edit_key(engine, place, setting)
    if key is None:
        return Answer(tuple(engine.recording.baseline[place].tolist()))
    there, scores = engine.kept_answers.find([key])
    return Answer(tuple(scores[0].tolist())) if bool(there[0]) else None


def edit_key(engine: Engine, place: int, setting: Setting) -> bytes | None:
    """What is done to the question: under equal keys it has the same answer, bit for bit. None:
    nothing is.
    """
    action = engine.evaluator.action(engine.check(setting))
    if not action.affected[place]:
        return None
    return action.keys(torch.tensor([place]), engine.kept_answers.salt)[0]


# -- the curve -------------------------------------------------------------------------------------


def curve(
    engine: Engine, place: int, setting: Setting, scrub: Scrub, on_wait: OnProgress = silent
) -> Iterator[Point]:
    """The answer without, at the present strength, over the grid, and then between two strengths
    where it flips. Raising from `on_wait`, or closing, stops it; what ran is kept.
    """
    found: dict[float, Answer] = {}

    def point(strength: float) -> Iterator[Point]:
        at = scrubbed(setting, scrub, strength)
        if at is not None:
            found[strength] = answer(engine, place, at, on_wait)
            yield Point(strength, found[strength])

    off = scrubbed(setting, scrub, None)
    if off is not None:
        yield Point(None, answer(engine, place, off, on_wait))
    for strength in scrub.strengths():
        yield from point(strength)
    for low, high in pairwise(sorted(found)):
        for _ in range(HALVINGS):
            if found[low].choice == found[high].choice:
                break
            middle = (low + high) / 2
            yield from point(middle)
            if found[middle].choice == found[low].choice:
                low = middle
            else:
                high = middle


class Flip(NamedTuple):
    """Two strengths with nothing known between them, and different answers."""

    low: float
    high: float
    at_low: int
    """The option chosen there."""
    at_high: int

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


def flips(points: list[Point]) -> list[Flip]:
    """Where the answer changes along the curve, by strength."""
    known = sorted((p.strength, p.answer.choice) for p in points if p.strength is not None)
    return [Flip(a, b, was, now) for (a, was), (b, now) in pairwise(known) if was != now]


# -- contributions ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contribution:
    """What one clamped feature has to do with the answer."""

    feature: int
    value: float
    """What it is clamped to, raw units."""
    fires: bool
    """On a token of the question."""
    same: bool
    """Leaving it out changes nothing of what is done to the question: it contributes exactly 0, and
    was not run.
    """
    left_out: Answer
    """Under the setting without this feature."""
    alone: Answer
    """With this feature's clamp alone, by the same method."""


def contributions(
    engine: Engine, place: int, setting: Setting, on_wait: OnProgress = silent
) -> Iterator[Contribution]:
    """Each clamped feature left out once, and each alone. Those that fire come first, the strongest
    first; with a rival there is none.

    Exact: a feature is not run where the setting without it does the very same to the question,
    told by the key of the answer. That holds with gates too: leaving a feature out may close one.
    """
    if not setting.clamps:
        return
    strongest = {c.feature: _strongest(engine, place, c.feature) for c in setting.clamps}
    whole, key = answer(engine, place, setting, on_wait), edit_key(engine, place, setting)
    before = answer(engine, place, NOTHING)
    gate = setting.method.gate
    # Elsewhere a feature that fires on no token of the question has no part in what is done there.
    distant = setting.method.reach == "all" or (gate is not None and gate.kind == "cusum")
    for clamp in sorted(setting.clamps, key=lambda c: -strongest[c.feature]):
        fires, left = strongest[clamp.feature] > 0, without(setting, clamp.feature)
        same = not (fires or distant) or edit_key(engine, place, left) == key
        yield Contribution(
            clamp.feature,
            clamp.value,
            fires,
            same,
            whole if same else answer(engine, place, left, on_wait),
            answer(engine, place, _alone(setting, clamp), on_wait) if fires else before,
        )


def _alone(setting: Setting, clamp: Clamp) -> Setting:
    return Setting((clamp,), setting.method)


def _strongest(engine: Engine, place: int, feature: int) -> float:
    """The feature's largest activation on the question's tokens; 0 where it fires on none."""
    begin, end = engine.recording.rows.start[place : place + 2].tolist()
    token, value = engine.recording.acts.of(feature)
    mine = value[(token >= begin) & (token < end)]
    return float(mine.max()) if len(mine) else 0.0


def by_size(found: list[Contribution], whole: Answer, right: int) -> list[Contribution]:
    """Those that give back most of the right answer when they are left out come first."""

    def size(c: Contribution) -> tuple[bool, float, float]:
        gives = c.left_out.shares[right] - whole.shares[right]
        return c.same, -gives, -(c.left_out.margin(right) - whole.margin(right))

    return sorted(found, key=size)


def plain_answer(found: Answer, right: int) -> dict[str, Any]:
    return {
        "choice": LETTERS[found.choice],
        "p_right": found.shares[right],
        "shares": dict(zip(LETTERS[:N_CHOICES], found.shares, strict=True)),
        "scores": list(found.scores),
        "margin": found.margin(right) if all(map(math.isfinite, found.scores)) else None,
    }
