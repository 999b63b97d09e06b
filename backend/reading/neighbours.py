"""Features like a feature: by the direction they write, and by the tokens they fire on."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.features.scan import ScannedCorpus
from backend.model.activations import FeatureActs


class Nearest(NamedTuple):
    feature: int
    cosine: float
    """Of the two decoder directions."""


class CoFiring(NamedTuple):
    feature: int
    together: int
    """Tokens on which both fire."""
    share: float
    """Of the tokens on which the first feature fires."""
    overlap: float
    """Tokens on which both fire over tokens on which either does (Jaccard): a feature that fires
    everywhere is no neighbour.
    """


def nearest(
    W_dec: Float[Tensor, "d_sae d_model"], norms: Float[Tensor, " d_sae"], feature: int, limit: int
) -> list[Nearest]:
    """Features whose decoder directions are most alike. `norms` are those of W_dec's rows, which do
    not change.
    """
    cosine = (W_dec @ W_dec[feature]) / (norms * norms[feature]).clamp(min=1e-12)
    cosine[feature] = -torch.inf
    best = torch.topk(cosine, min(limit, len(cosine) - 1))
    return [
        Nearest(*pair) for pair in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def co_firing(scanned: Sequence[ScannedCorpus], feature: int, limit: int) -> list[CoFiring]:
    """Features that fire on the same tokens, largest overlap first; only those that do at all.
    Counted on the rows of which everything is kept: all of a small corpus, a sample of a large one.
    """
    together, count = 0, 0
    for s in scanned:
        fired = torch.zeros(int(s.start[-1]), dtype=torch.bool)
        fired[s.sampled(feature)[0]] = True
        together = together + of_each_feature(fired.index_select(0, s.acts.token), s.acts)
        if s.complete:
            count = count + s.acts.counts()
        else:
            whole = torch.repeat_interleave(s.whole, s.start.diff())
            count = count + of_each_feature(whole.index_select(0, s.acts.token), s.acts)
    overlap = together / (count + count[feature] - together).clamp(min=1)
    overlap[feature] = 0
    best = torch.topk(overlap, min(limit, len(overlap)))
    n = int(count[feature])
    return [
        CoFiring(f, int(together[f]), int(together[f]) / n, value)
        for f, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        if value > 0
    ]


def of_each_feature(entries: Bool[Tensor, " fired"], acts: FeatureActs) -> Int[Tensor, " d_sae"]:
    """How many of each feature's entries are true."""
    running = torch.cat([torch.zeros(1, dtype=torch.int64), entries.cumsum(0)])
    return running[acts.start[1:]] - running[acts.start[:-1]]
