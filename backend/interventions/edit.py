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
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from backend.interventions.method import Setting
from backend.model.activations import FeatureActs


@dataclass(frozen=True)
class Edit:
    """What is added to the residual at each token a setting touches, in units of features."""

    token: Int[Tensor, " hit"]
    """Ascending."""
    start: Int[Tensor, " hit_plus_1"]
    """Hit h owns the entries start[h] .. start[h + 1]."""
    feature: Int[Tensor, " entry"]
    """A hit's in the order of the setting; a refusal latent last, or alone."""
    weight: Float[Tensor, " entry"]
    """v_f - a_f, float32."""

    def vectors(
        self, W_dec: Float[Tensor, "d_sae d_model"], hits: Int[Tensor, " n"] | None = None
    ) -> Float[Tensor, "n d_model"]:
        """What is added at these hits (at all of them), in W_dec's dtype and on its device.

        Each is summed by itself, one feature after the other: whatever else is clamped or asked
        for, the same entries give the same bits.
        """
        hits = torch.arange(len(self.token)) if hits is None else hits
        lengths = self.start.diff()[hits]
        ends = lengths.cumsum(0)
        # The entries of these hits, one hit's after the other's.
        shift = torch.repeat_interleave(self.start[hits] - ends + lengths, lengths)
        entry = shift + torch.arange(len(shift))
        if not len(entry):
            return W_dec.new_zeros(len(hits), W_dec.shape[1])
        return embedding_bag(
            self.feature[entry].to(W_dec.device),
            W_dec,
            (ends - lengths).to(W_dec.device),
            mode="sum",
            per_sample_weights=self.weight[entry].to(W_dec),
        )


def edit_of(acts: FeatureActs, setting: Setting, at: Bool[Tensor, " token"] | None = None) -> Edit:
    """What a setting adds, and where; `at` leaves out the tokens it does not act on."""
    clamps, method = setting.clamps, setting.method
    fired = [fires(acts, clamp.feature, method.threshold, at) for clamp in clamps]
    hit = torch.unique(torch.cat([torch.empty(0, dtype=torch.int64), *(t for t, _ in fired)]))
    own, columns = set(_own(setting)), []
    for clamp, (token, act) in zip(clamps, fired, strict=True):
        if clamp.feature in own:
            if method.reach == "all":
                token, act = hit, acts_at(acts, clamp.feature, hit)
            columns.append((clamp.feature, token, clamp.value - act))
    if method.refusal is not None:
        latent = method.refusal
        columns.append((latent.feature, hit, latent.value - acts_at(acts, latent.feature, hit)))
    if not columns:
        return Edit(hit, torch.zeros(1, dtype=torch.int64), hit, torch.empty(0))
    token = torch.cat([token for _, token, _ in columns])
    sizes = torch.tensor([len(token) for _, token, _ in columns])
    feature = torch.repeat_interleave(torch.tensor([f for f, _, _ in columns]), sizes)
    weight = torch.cat([weight for _, _, weight in columns])
    by_token = torch.argsort(token, stable=True)
    counts = torch.bincount(torch.searchsorted(hit, token), minlength=len(hit))
    start = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    return Edit(hit, start, feature[by_token], weight[by_token])


def residual_edit(
    acts: FeatureActs,
    setting: Setting,
    W_dec: Float[Tensor, "d_sae d_model"],
    at: Bool[Tensor, " token"] | None = None,
) -> tuple[Int[Tensor, " hit"], Float[Tensor, "hit d_model"]]:
    """Tokens the setting touches, ascending, and what is added to the residual there."""
    edit = edit_of(acts, setting, at)
    return edit.token, edit.vectors(W_dec)


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
