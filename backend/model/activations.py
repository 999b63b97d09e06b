"""Sparse feature activations of a stream of tokens, stored by feature.

"Where does feature f fire, and how strongly" is one slice: the question every page and every clamp
asks.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class FeatureActs:
    """Activations above zero; positions no clamp touches and padding are not in it."""

    start: Int[Tensor, " d_sae_plus_1"]
    """Feature f owns the entries start[f] .. start[f + 1]."""
    token: Int[Tensor, " fired"]
    """Index into the token stream, ascending within a feature (int32)."""
    value: Float[Tensor, " fired"]
    """Raw activation (float32)."""

    @property
    def d_sae(self) -> int:
        return len(self.start) - 1

    def of(self, feature: int) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
        """The tokens on which a feature fires, ascending, and its activations there."""
        span = slice(int(self.start[feature]), int(self.start[feature + 1]))
        return self.token[span].long(), self.value[span]

    def counts(self) -> Int[Tensor, " d_sae"]:
        """On how many tokens each feature fires."""
        return self.start.diff()

    def max_acts(self) -> Float[Tensor, " d_sae"]:
        """The largest activation of each feature; 0 for one that never fires."""
        # (d_sae,) -> (fired,): the feature of each entry
        feature = torch.repeat_interleave(torch.arange(self.d_sae), self.counts())
        # (fired,) -> (d_sae,)
        return torch.zeros(self.d_sae).scatter_reduce(0, feature, self.value.float(), "amax")

    def tensors(self) -> dict[str, Tensor]:
        return {"start": self.start, "token": self.token, "value": self.value}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "FeatureActs":
        return cls(tensors["start"], tensors["token"], tensors["value"])


def by_feature(parts: list[tuple[Tensor, Tensor, Tensor]], d_sae: int) -> FeatureActs:
    """Entries (token, feature, value), in any order, sorted by feature."""
    if not parts:
        return FeatureActs(
            torch.zeros(d_sae + 1, dtype=torch.int64),
            torch.empty(0, dtype=torch.int32),
            torch.empty(0),
        )
    token, feature, value = (torch.cat(column) for column in zip(*parts, strict=True))
    n_tokens = int(token.max()) + 1 if len(token) else 0
    order = torch.argsort(feature.long() * n_tokens + token)
    counts = torch.bincount(feature.long(), minlength=d_sae)
    start = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    return FeatureActs(start, token[order].int(), value[order].float())
