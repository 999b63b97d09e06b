"""A long pass kept in parts on disk: a stop at any moment loses seconds of it and not hours."""

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from backend.progress import Pace
from backend.store import if_it_can_be_kept, read_tensors, write_tensors

log = logging.getLogger(__name__)

EVERY_S = 20.0
"""How much work at most is done between two parts; a pass shorter than this leaves none."""


class Parts:
    """What the batches of one pass gave: some tensors each, known by the batch's number.

    The order of the batches must be the same in every run: whatever can change it belongs in the
    folder's name.
    """

    def __init__(self, folder: Path | None):
        """None keeps nothing."""
        self._folder = folder
        self._pending: dict[int, dict[str, Tensor]] = {}
        self._last = time.monotonic()
        self.resumed = False
        """Whether `through` read anything from before."""

    def done(self) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """(batch, its tensors) of every whole part that was kept; a damaged one is passed over."""
        for path in sorted(self._folder.glob("*.safetensors")) if self._folder else ():
            tensors = read_tensors(path)
            by_batch: dict[int, dict[str, Tensor]] = {}
            for name, tensor in (tensors or {}).items():
                number, _, inner = name.partition(".")
                by_batch.setdefault(int(number), {})[inner] = tensor
            yield from sorted(by_batch.items())

    def add(self, batch: int, tensors: dict[str, Tensor]) -> None:
        """Keep a batch; with enough of them pending, write a part if the disk will have it."""
        if self._folder is None:
            return
        self._pending[batch] = tensors
        if time.monotonic() - self._last >= EVERY_S:
            self._write(self._folder)

    def _write(self, folder: Path) -> None:
        flat = {
            f"{number}.{name}": tensor
            for number, inner in self._pending.items()
            for name, tensor in inner.items()
        }
        first, last = min(self._pending), max(self._pending)
        with if_it_can_be_kept("A part of the work"):
            write_tensors(folder / f"{first:06}-{last:06}.safetensors", flat)
        self._pending, self._last = {}, time.monotonic()

    def through(
        self,
        batches: Sequence[Tensor],
        run: Callable[[Tensor], Iterator[dict[str, Tensor]]],
        pace: Pace,
    ) -> Iterator[dict[str, Tensor]]:
        """What every batch gives: what was kept first, then the rest in order, run and kept.

        `run` yields a batch's tensors in one piece or in several. The pace counts its "token"s.
        """
        finished = set()
        for number, piece in self.done():
            finished.add(number)
            self.resumed = True
            pace.skip(len(piece["token"]))
            yield piece
        for number, batch in enumerate(batches):
            if number not in finished:
                pieces = list(run(batch))
                whole = {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}
                yield whole
                self.add(number, whole)
                pace.advance(len(whole["token"]))

    def remove(self) -> None:
        """Once the whole is on disk."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
