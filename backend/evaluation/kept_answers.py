"""Answers kept by what acts on a question: a setting that does the same to it is not run again.

A question's scores depend on the question and on the edit that is made in it, and where batches do
not matter (backend.model.invariance) on nothing else, to the bit. So the key of an answer is the
edit itself: at which tokens of the question, which features, moved how far, and what is read of it
afterwards. A clamp that is silent in a question, a gate that is open in all of it, another method
that comes to the same: all have the same key.
"""

import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.interventions.edit import Edit
from backend.model.rows import Plan
from backend.store import LOCK, locked, read_tensors, write_tensors

MOST = 200_000
"""Answers that are kept, the latest used: about 60 MB of memory, 7 of disk."""
FILES = 32
"""With more files than this they are written together into one."""
DIGEST = 16
"""Bytes of a key."""


def answer_keys(
    plan: Plan, edit: Edit, chosen: Int[Tensor, " row"], keep_norm: bool, salt: str
) -> list[bytes]:
    """For each of the chosen rows the key of its answer.

    `salt` names what else they depend on: the machine, and along which directions is pushed.
    """
    rows = plan.rows
    seed = blake2b(f"{salt} {keep_norm}".encode(), digest_size=DIGEST).digest()
    first_hit = torch.searchsorted(edit.token, rows.start)  # (row + 1)
    first_entry = edit.start[first_hit]
    place = (edit.token - rows.start[:-1].repeat_interleave(first_hit.diff())).numpy()
    sizes, features, weights = edit.start.diff().numpy(), edit.feature.numpy(), edit.weight.numpy()
    read = plan.entries.values.numpy()
    keys = []
    for row in chosen.tolist():
        hits = slice(int(first_hit[row]), int(first_hit[row + 1]))
        entries = slice(int(first_entry[row]), int(first_entry[row + 1]))
        reads = slice(int(plan.entries.start[row]), int(plan.entries.start[row + 1]))
        digest = blake2b(row.to_bytes(8, "little"), digest_size=DIGEST, key=seed)
        for part in (place[hits], sizes[hits], features[entries], weights[entries], read[reads]):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part.tobytes())
        keys.append(digest.digest())
    return keys


class KeptAnswers:
    """The answers of one recording's questions, in memory and in sealed files of a folder."""

    def __init__(self, folder: Path, width: int, salt: str):
        """`width`: how many scores a question has. `salt`: what else the bits depend on."""
        self._folder = folder
        self.salt = salt
        self._width = width
        self._known: OrderedDict[bytes, tuple[float, ...]] = OrderedDict()
        self._unwritten: list[bytes] = []
        self._seen: set[str] = set()

    def find(
        self, keys: Sequence[bytes]
    ) -> tuple[Bool[Tensor, " key"], Float[Tensor, "known choice"]]:
        """Which are known, and their scores."""
        self._read_new()
        known = [key in self._known for key in keys]
        scores = []
        for key in (key for key, there in zip(keys, known, strict=True) if there):
            self._known.move_to_end(key)
            scores.append(self._known[key])
        return torch.tensor(known, dtype=torch.bool), torch.tensor(scores).reshape(-1, self._width)

    def add(self, keys: Sequence[bytes], scores: Float[Tensor, "key choice"]) -> None:
        """Keep them in memory; `write` brings them to disk."""
        for key, row in zip(keys, scores.tolist(), strict=True):
            self._known[key] = tuple(row)
            self._unwritten.append(key)
        self._trim()

    def write(self) -> None:
        """Raises Unavailable if the disk will not have them: they are kept in memory then."""
        mine = [key for key in self._unwritten if key in self._known]
        self._unwritten = []
        if mine:
            self._write(mine)
            if len(self._seen) > FILES:
                self._merge()

    def _trim(self) -> None:
        while len(self._known) > MOST:
            self._known.popitem(last=False)

    def _write(self, keys: Sequence[bytes]) -> None:
        name = f"{time.time_ns():020}-{secrets.token_hex(4)}.safetensors"
        self._seen.add(name)
        write_tensors(
            self._folder / name,
            {
                "key": torch.frombuffer(bytearray(b"".join(keys)), dtype=torch.uint8).view(
                    -1, DIGEST
                ),
                "scores": torch.tensor([self._known[key] for key in keys]),
            },
        )

    def _read_new(self) -> None:
        """What other processes have written meanwhile; a damaged file is said once, and removed."""
        try:
            names = sorted(path.name for path in self._folder.glob("*.safetensors"))
        except OSError:
            return
        for name in names:
            if name in self._seen:
                continue
            self._seen.add(name)
            tensors = read_tensors(self._folder / name)
            if tensors is None or tensors["scores"].shape[1:] != (self._width,):
                if os.access(self._folder / name, os.R_OK):
                    self._remove(name)
                continue
            keys = bytes(tensors["key"].numpy().tobytes())
            for place, row in enumerate(tensors["scores"].tolist()):
                self._known[keys[place * DIGEST : (place + 1) * DIGEST]] = tuple(row)
        self._trim()

    def _merge(self) -> None:
        """All that is known into one file, in the place of the others."""
        with locked(self._folder.with_suffix(LOCK)):
            self._read_new()
            old = self._seen
            self._seen = set()
            self._write(list(self._known))
            for name in old:
                self._remove(name)

    def _remove(self, name: str) -> None:
        with suppress(OSError):
            (self._folder / name).unlink()
