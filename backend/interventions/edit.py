"""The edit: what a setting adds to the residual stream, and where. Pure.

For a clamped feature f with target v, at every position where f fires and that is not exempt:

    resid' = resid + sum_f (v_f - a_f) * W_dec[f]

(Farrell, Lau and Conmy 2024; their unlearning/intervention.py, "clamp". They reconstruct and add
the SAE's error back; because the decoder is linear this is the same edit, and the error term is
kept by construction.)

A method (backend.interventions.method) changes which features are set at such a position: all that
are clamped, or another feature in their place or beside them. Whether it acts on a sequence at all
is its gate's: backend.interventions.gates.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.interventions.method import Setting
from backend.model.activations import FeatureActs


def residual_edit(
    acts: FeatureActs,
    setting: Setting,
    W_dec: Float[Tensor, "d_sae d_model"],
    open_at: Bool[Tensor, " token"] | None = None,
) -> tuple[Int[Tensor, " hit"], Float[Tensor, "hit d_model"]]:
    """Tokens the setting touches, ascending, and what is added to the residual there.

    In W_dec's dtype. `open_at` leaves out tokens of sequences whose gate is closed.
    """
    hit, weights = edit_weights(acts, setting, W_dec, open_at)
    # (hit, written) @ (written, d_model)
    return hit, weights @ W_dec[written(setting).to(W_dec.device)]


def edit_weights(
    acts: FeatureActs,
    setting: Setting,
    like: Tensor,
    open_at: Bool[Tensor, " token"] | None = None,
) -> tuple[Int[Tensor, " hit"], Float[Tensor, "hit written"]]:
    """Tokens the setting touches, ascending, and v_f - a_f of each written feature there.

    0 where a feature is left as it is; as `like` in dtype and device.
    """
    clamps, method = setting
    if not clamps:
        none = torch.empty(0, dtype=torch.int64)
        return none, torch.zeros(0, 0, dtype=like.dtype, device=like.device)
    fired = [fires(acts, clamp.feature, method.threshold, open_at) for clamp in clamps]
    hit = torch.unique(torch.cat([token for token, _ in fired]))
    columns = []
    own = set(_own(setting))
    for clamp, (token, act) in zip(clamps, fired, strict=True):
        if clamp.feature in own:
            if method.reach == "all":
                columns.append(clamp.value - acts_at(acts, clamp.feature, hit))
            else:
                # (fired,) into (hit,)
                column = torch.zeros(len(hit))
                column[torch.searchsorted(hit, token)] = clamp.value - act
                columns.append(column)
    if method.refusal is not None:
        columns.append(method.refusal.value - acts_at(acts, method.refusal.feature, hit))
    return hit, torch.stack(columns, 1).to(like)


def written(setting: Setting) -> Int[Tensor, " written"]:
    """The features that are set, in the order of `edit_weights`: the clamped ones, and a refusal
    latent last, or alone.
    """
    refusal = setting.method.refusal
    latent = [] if refusal is None else [refusal.feature]
    return torch.tensor([*_own(setting), *latent], dtype=torch.int64)


def _own(setting: Setting) -> list[int]:
    """The clamped features that are set to their own values: a refusal latent's value stands before
    that of its clamp.
    """
    refusal = setting.method.refusal
    if refusal is None:
        return list(setting.features)
    return [] if refusal.alone else [f for f in setting.features if f != refusal.feature]


def fires(
    acts: FeatureActs, feature: int, threshold: float, open_at: Bool[Tensor, " token"] | None = None
) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
    """Tokens on which a feature is above the threshold, ascending, and its activations there."""
    token, act = acts.of(feature)
    if threshold > 0:
        above = act > threshold
        token, act = token[above], act[above]
    if open_at is not None:
        mine = open_at[token]
        token, act = token[mine], act[mine]
    return token, act.float()


def acts_at(acts: FeatureActs, feature: int, at: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """A feature's activations at these tokens, 0 where it is silent."""
    token, act = acts.of(feature)
    out = torch.zeros(len(at))
    if len(token):
        place = torch.searchsorted(token, at).clamp(max=len(token) - 1)
        there = token[place] == at
        out[there] = act[place[there]].float()
    return out


def fired_at(
    acts: FeatureActs, features: Sequence[int], threshold: float, n_tokens: int
) -> Bool[Tensor, " token"]:
    """Where any of the features is above the threshold."""
    out = torch.zeros(n_tokens, dtype=torch.bool)
    for feature in features:
        out[fires(acts, feature, threshold)[0]] = True
    return out


def add_edit(
    resid: Float[Tensor, "*any d_model"], added: Float[Tensor, "*any d_model"], keep_norm: bool
) -> Float[Tensor, "*any d_model"]:
    """The residual with the edit, in its own dtype; with `keep_norm`, as long as it was.

    Computed in float32; where nothing is added, the residual bit for bit.
    """
    new = resid.float() + added
    if keep_norm:
        length = resid.float().norm(dim=-1, keepdim=True)
        scaled = new * (length / new.norm(dim=-1, keepdim=True).clamp(min=1e-12))
        new = torch.where((added != 0).any(-1, keepdim=True), scaled, new)
    return new.to(resid.dtype)
