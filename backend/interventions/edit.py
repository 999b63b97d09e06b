"""The edit: which features are clamped to what, and what that adds to the residual stream. Pure.

For a clamped feature f with target v, at every position where f fires and that is not exempt:

    resid' = resid + sum_f (v_f - a_f) * W_dec[f]

(Farrell, Lau and Conmy 2024; their unlearning/intervention.py, "clamp". They reconstruct and add
the SAE's error back; because the decoder is linear this is the same edit, and the error term is
kept by construction.) Values are raw activation units: 0 ablates, and v = -c is the paper's "clamp
at -c".
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.errors import BadClamps
from backend.model.activations import FeatureActs

MAX_CLAMPS = 1000
"""More than anybody tunes; bounds what a link or a file can ask for."""
MAX_VALUE = 3e5
"""Raw units; far beyond any activation, far within the range in which the model's arithmetic stays
finite.
"""


class Clamp(NamedTuple):
    feature: int
    value: float


Clamps = tuple[Clamp, ...]
"""Sorted by feature, each feature once: equal settings are equal values."""


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
        if feature < 0 or (d_sae is not None and feature >= d_sae):
            top = "" if d_sae is None else f": this SAE has features 0 to {d_sae - 1}"
            raise BadClamps(f"There is no feature {feature}{top}.")
        if not math.isfinite(value) or abs(value) > MAX_VALUE:
            raise BadClamps(
                f"Feature {feature} is clamped to {value:g}; "
                f"a finite number from -{MAX_VALUE:,.0f} to {MAX_VALUE:,.0f} was expected."
            )
        found[int(feature)] = float(value)
    if len(found) > MAX_CLAMPS:
        raise BadClamps(f"{len(found)} clamps were given; at most {MAX_CLAMPS} are possible.")
    return tuple(Clamp(feature, found[feature]) for feature in sorted(found))


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
    return ",".join(f"{clamp.feature}:{_shortest(clamp.value)}" for clamp in clamps)


def _shortest(value: float) -> str:
    """Six digits where they are the number, all of its digits where they are not."""
    six = f"{value:g}"
    return six if float(six) == value else repr(value)


def residual_edit(
    acts: FeatureActs, clamps: Clamps, W_dec: Float[Tensor, "d_sae d_model"]
) -> tuple[Int[Tensor, " hit"], Float[Tensor, "hit d_model"]]:
    """Tokens the clamps touch, ascending, and what is added to the residual there.

    In W_dec's dtype.
    """
    hit, weights = edit_weights(acts, clamps, W_dec)
    # (hit, clamp) @ (clamp, d_model)
    return hit, weights @ W_dec[features_of(clamps).to(W_dec.device)]


def edit_weights(
    acts: FeatureActs, clamps: Clamps, like: Tensor
) -> tuple[Int[Tensor, " hit"], Float[Tensor, "hit clamp"]]:
    """Tokens the clamps touch, ascending, and v_f - a_f of each clamp there.

    0 where its feature is silent; as `like` in dtype and device.
    """
    if not clamps:
        none = torch.empty(0, dtype=torch.int64)
        return none, torch.zeros(0, 0, dtype=like.dtype, device=like.device)
    fired = [acts.of(clamp.feature) for clamp in clamps]
    changes = [clamp.value - act.float() for clamp, (_, act) in zip(clamps, fired, strict=True)]
    hit, row = torch.unique(torch.cat([tokens for tokens, _ in fired]), return_inverse=True)
    # (clamp,) -> (fired,): the clamp of each token it fires on
    column = torch.repeat_interleave(
        torch.arange(len(clamps)), torch.tensor([len(tokens) for tokens, _ in fired])
    )
    weights = torch.zeros(len(hit), len(clamps), dtype=like.dtype, device=like.device)
    # (fired,) into (hit, clamp)
    weights[row.to(like.device), column.to(like.device)] = torch.cat(changes).to(like)
    return hit, weights


def features_of(clamps: Clamps) -> Int[Tensor, " clamp"]:
    return torch.tensor([clamp.feature for clamp in clamps], dtype=torch.int64)
