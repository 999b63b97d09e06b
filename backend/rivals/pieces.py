"""The text RMU is trained on: cut into pieces, and drawn in batches that depend on seed and step
alone.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from backend.setups import Role

ROLES: tuple[Role, ...] = ("forget", "retain")


class Batch(NamedTuple):
    """Pieces beside each other, padded on the right."""

    ids: Int[Tensor, "row pos"]
    real: Bool[Tensor, "row pos"]
    """False on padding."""


def cut(rows: Iterable[Sequence[int]], tokens: int, bos: int | None) -> list[list[int]]:
    """Pieces of at most `tokens` tokens, none across two rows.

    Each begins with BOS where its row does. What is left of a row beyond whole pieces is dropped
    where it is less than half of one: in Li et al. 2024 the rest of every text is.
    """
    pieces = []
    for row in rows:
        begin = list(row[:1]) if bos is not None and row[0] == bos else []
        own, size = list(row[len(begin) :]), max(tokens - len(begin), 1)
        for at in range(0, max(len(own), 1), size):
            rest = own[at : at + size]
            if at == 0 or 2 * len(rest) >= size:
                pieces.append(begin + rest)
    return pieces


@dataclass(frozen=True)
class Pieces:
    """Forget and retain text in pieces."""

    forget: list[list[int]]
    retain: list[list[int]]

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for of_role in (self.forget, self.retain):
            digest.update(np.array([len(of_role)], dtype="<i8").tobytes())
            for piece in of_role:
                digest.update(np.array([len(piece), *piece], dtype="<i8").tobytes())
        return digest.hexdigest()

    def draw(self, role: Role, step: int, size: int, seed: int, device: torch.device) -> Batch:
        """The batch of a step: the pieces in an order of the seed's, over and over."""
        of_role: list[list[int]] = getattr(self, role)
        order = np.random.default_rng([seed, ROLES.index(role)]).permutation(len(of_role))
        places = order[np.arange(step * size, (step + 1) * size) % len(order)]
        return beside([of_role[place] for place in places], device)


def beside(pieces: Sequence[Sequence[int]], device: torch.device) -> Batch:
    """On the right of its text no padding is seen by a token of it: attention is causal."""
    width = max(map(len, pieces))
    ids = torch.tensor([[*piece, *[0] * (width - len(piece))] for piece in pieces])
    length = torch.tensor([len(piece) for piece in pieces])
    real = torch.arange(width) < length[:, None]  # (row, pos)
    return Batch(ids.to(device), real.to(device))
