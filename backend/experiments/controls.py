"""Is it these features, or just damage? The same push elsewhere, to hold a clamp's result against.

At high strength most of what a clamp "unlearns" is generic damage: in Farrell et al. 2024 (their
"random decoder" run, ten features of gemma-2-2b-it's layer 3) pushing along the next feature's
decoder direction instead of the feature's own left WMDP-Bio at 0.56 where the true one left 0.39,
at c = 100, and at 0.37 against 0.32 at c = 200.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.engine.engine import Engine
from backend.engine.evaluator import Evaluator
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation
from backend.interventions.clamps import Clamp, Clamps, clamp_set
from backend.interventions.method import Method, Setting, setting_of
from backend.progress import OnProgress, silent

N_RANDOM = 5
NEAREST = 20
"""A random feature is drawn from this many that fire most nearly as often."""

Kind = Literal["own", "random features", "random, open as often", "direction", "ablation"]
"""What a setting is to the comparison: the user's own, or how its push differs from that."""


class Control(NamedTuple):
    kind: Kind
    name: str
    how: str
    """In words, for the page."""
    setting: Setting
    along: str = ""
    """Name of other directions to push along, of `DIRECTIONS`; empty for the decoder's own."""


def next_directions(W_dec: Float[Tensor, "d_sae d_model"]) -> Float[Tensor, "d_sae d_model"]:
    """Feature f pushes along the direction of f + 1, the last along the first's (their
    intervention.py).
    """
    return W_dec.roll(-1, 0)


def random_directions(
    W_dec: Float[Tensor, "d_sae d_model"], seed: int = 0
) -> Float[Tensor, "d_sae d_model"]:
    """A random direction for each feature, as long as its own."""
    drawn = torch.randn(W_dec.shape, generator=torch.Generator().manual_seed(seed)).to(W_dec)
    return drawn / drawn.norm(dim=-1, keepdim=True) * W_dec.norm(dim=-1, keepdim=True)


DIRECTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "next": next_directions,
    "random": random_directions,
}


def matched(
    clamps: Clamps, counts: Int[Tensor, " d_sae"], W_dec: Float[Tensor, "d_sae d_model"], seed: int
) -> Clamps:
    """As many other features, drawn at random from those that fire nearly as often, each pushed by
    the same length.

    `counts`: on how many tokens each feature fires. The draw depends on the features and the seed,
    not on the values, so that a moving slider keeps its controls. Raises BadInput if there are too
    few other features.
    """
    if 2 * len(clamps) > len(counts):
        raise BadInput(
            f"{len(clamps)} of {len(counts)} features are clamped: there are not as many others to "
            "compare with."
        )
    taken = {clamp.feature for clamp in clamps}
    out = []
    draw = random.Random(seed)
    order = torch.argsort(counts, stable=True).tolist()
    place = {feature: i for i, feature in enumerate(order)}
    lengths = W_dec.norm(dim=-1).tolist()
    logs = (counts + 1).log().tolist()
    for clamp in clamps:
        below = place[clamp.feature] - 1
        above = place[clamp.feature] + 1
        near: list[int] = []
        while len(near) < NEAREST and (below >= 0 or above < len(order)):
            down = logs[clamp.feature] - logs[order[below]] if below >= 0 else math.inf
            up = logs[order[above]] - logs[clamp.feature] if above < len(order) else math.inf
            feature, below, above = (
                (order[below], below - 1, above) if down < up else (order[above], below, above + 1)
            )
            if feature not in taken:
                near.append(feature)
        feature = draw.choice(near)
        taken.add(feature)
        out.append(Clamp(feature, clamp.value * lengths[clamp.feature] / lengths[feature]))
    return clamp_set(out)


def controls(
    setting: Setting, counts: Int[Tensor, " d_sae"], W_dec: Float[Tensor, "d_sae d_model"]
) -> list[Control]:
    """All controls of a setting; each acts by its method, and goes through its gate."""
    clamps, method = setting.clamps, setting.method
    return [
        *(
            Control(
                "random features",
                f"random features {i + 1}",
                "As many other features, drawn at random from those that fire on nearly as many "
                "tokens of the forget questions, pushed by the same length.",
                setting_of(matched(clamps, counts, W_dec, i), method),
            )
            for i in range(N_RANDOM)
        ),
        Control(
            "direction",
            "next decoder",
            "The paper's control: at the same tokens, by the same amounts, along the direction of "
            "feature f + 1.",
            setting,
            "next",
        ),
        Control(
            "direction",
            "random direction",
            "At the same tokens, by the same amounts, along a random direction of the same length.",
            setting,
            "random",
        ),
        Control(
            "ablation",
            "ablation",
            "The same features set to 0: in the paper this changes next to nothing.",
            setting_of(clamp_set((c.feature, 0.0) for c in clamps), method),
        ),
    ]


def forget_counts(engine: Engine) -> Int[Tensor, " d_sae"]:
    """On how many tokens of the forget questions each feature fires."""
    acts, rows = engine.recording.acts, engine.recording.rows
    mine = engine.sets.role("forget")[rows.row_of_token()]  # (token)
    feature = torch.repeat_interleave(torch.arange(acts.d_sae), acts.counts())
    return torch.bincount(feature[mine[acts.token.long()]], minlength=acts.d_sae)


def opened_as_often(engine: Engine, clamps: Clamps, method: Method, n_open: int) -> Setting | None:
    """The clamps behind a gate of the same kind whose tau opens `n_open` questions, or as near to
    it as ties allow: features that fire less often are otherwise let through less often, and look
    harmless for it. None where no tau within the gate's range does better than one that opens none.
    """
    gate = method.gate
    setting = setting_of(clamps, method)
    opened = engine.opening(setting)
    if gate is None or opened is None or not n_open:
        return None
    # A question is open strictly above tau, so tau is the value of the first that stays closed.
    values, counts = opened.of_row.unique(return_counts=True)  # ascending
    above = len(opened.of_row) - counts.cumsum(0)
    best = int((above - n_open).abs().argmin())
    if not above[best]:
        return None
    tau = float(values[best])
    return setting_of(clamps, replace(method, gate=replace(gate, tau=tau)))


def controls_of(engine: Engine, setting: Setting) -> list[Control]:
    """All controls of a setting; behind a gate also the random features with as many questions
    open as the setting has.
    """
    counts, W_dec = forget_counts(engine), engine.sae.W_dec
    found = controls(setting, counts, W_dec)
    opened = engine.opening(setting)
    if opened is None:
        return found
    n_open = int((opened.rows > 0).sum())
    for seed in range(N_RANDOM):
        drawn = matched(setting.clamps, counts, W_dec, seed)
        as_often = opened_as_often(engine, drawn, setting.method, n_open)
        if as_often is not None:
            found.append(
                Control(
                    "random, open as often",
                    f"random, open as often {seed + 1}",
                    "The same random features, with tau where their gate opens as many questions "
                    "as yours, or as nearly as ties allow.",
                    as_often,
                )
            )
    return found


def finished_controls(engine: Engine, setting: Setting) -> list[tuple[Control, Evaluation | None]]:
    """All controls of a setting, with the results of those that were run before."""
    found = controls_of(engine, setting)
    return [(control, _evaluator(engine, control).finished(control.setting)) for control in found]


def run_control(
    engine: Engine,
    control: Control,
    on_partial: Callable[[Evaluation], None] = lambda _: None,
    on_wait: OnProgress = silent,
) -> Evaluation:
    """Evaluate a control; kept like any result, but not in the history of what the user tried.

    Raising from a callback cancels.
    """
    evaluator = _evaluator(engine, control)
    return evaluator.evaluate(control.setting, on_partial, on_wait, listed=False)


def _evaluator(engine: Engine, control: Control) -> Evaluator:
    if not control.along:
        return engine.evaluator
    return engine.along(control.along, DIRECTIONS[control.along](engine.sae.W_dec))


def run_controls(engine: Engine, setting: Setting) -> Iterator[tuple[Control, Evaluation]]:
    """Every control of a setting with its result, as they come."""
    for control, finished in finished_controls(engine, engine.check(setting)):
        yield control, finished or run_control(engine, control)
