"""Features like a feature: by the direction they write, and by the tokens they fire on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.features.scan import ScannedCorpus
from backend.model.activations import FeatureActs


@dataclass(frozen=True)
class Neighbour:
    """A feature that writes in a direction like another's."""

    feature: int
    cosine: float
    """Of the two decoder directions."""
    label: str
    """Its name: the label, or the words it fires on most."""


@dataclass(frozen=True)
class CoFiring:
    """A feature that fires on tokens on which another does."""

    feature: int
    together: int
    """Tokens on which both fire."""
    share: float
    """Of the tokens on which the first feature fires."""
    overlap: float
    """Tokens on which both fire over tokens on which either does (Jaccard).

    So a feature that fires everywhere is no neighbour.
    """
    label: str
    """Its name: the label, or the words it fires on most."""


def nearest(
    W_dec: Float[Tensor, "d_sae d_model"],
    norms: Float[Tensor, " d_sae"],
    feature: int,
    limit: int,
    name: Callable[[int], str],
) -> list[Neighbour]:
    """The `limit` features whose decoder directions are most alike; `norms` are of W_dec's rows."""
    cosine = (W_dec @ W_dec[feature]) / (norms * norms[feature]).clamp(min=1e-12)
    cosine[feature] = -torch.inf
    best = torch.topk(cosine, min(limit, len(cosine) - 1))
    return [
        Neighbour(other, value, name(other))
        for other, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def co_firing(
    scanned: Sequence[ScannedCorpus], feature: int, limit: int, name: Callable[[int], str]
) -> list[CoFiring]:
    """Features that fire on the same tokens, largest overlap first; only those that do at all.

    Counted on the rows of which everything is kept: all of a small corpus, a sample of a large one.
    """
    together = torch.zeros(scanned[0].acts.d_sae, dtype=torch.int64)
    count = torch.zeros_like(together)
    for s in scanned:
        fired = torch.zeros(int(s.start[-1]), dtype=torch.bool)
        fired[s.sampled(feature)[0]] = True
        # (token) -> (entry): whether `feature` fires on the entry's token
        together += of_each_feature(fired.index_select(0, s.acts.token), s.acts)
        if s.complete:
            count += s.acts.counts()
        else:
            whole = torch.repeat_interleave(s.whole, s.start.diff())  # (row) -> (token)
            count += of_each_feature(whole.index_select(0, s.acts.token), s.acts)
    overlap = together / (count + count[feature] - together).clamp(min=1)
    overlap[feature] = 0
    best = torch.topk(overlap, min(limit, len(overlap)))
    n = int(count[feature])
    return [
        CoFiring(other, int(together[other]), int(together[other]) / n, value, name(other))
        for other, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        if value > 0
    ]


def of_each_feature(entries: Bool[Tensor, " fired"], acts: FeatureActs) -> Int[Tensor, " d_sae"]:
    """How many of each feature's entries are true; an entry is one feature firing on one token."""
    running = torch.cat([torch.zeros(1, dtype=torch.int64), entries.cumsum(0)])
    return running[acts.start[1:]] - running[acts.start[:-1]]
