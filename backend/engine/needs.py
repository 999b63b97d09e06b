"""What preparing will take, said before it begins: memory and disk from the sizes, time from the
first batch.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from backend.features.scan import MOST_KEPT
from backend.model.memory import free_bytes
from backend.progress import OnProgress, Progress
from backend.wording import in_bytes, in_time

FIRED_BYTES = 12
"""Token, feature and value of one activation, while it is collected."""
GUESSED_L0 = 100
"""Active features a token, before any was counted."""


SCAN_HOLDS = int(2.5 * MOST_KEPT) * FIRED_BYTES
"""Of a large corpus, a scan holds no more than this."""


@dataclass(frozen=True)
class Needs:
    """Bytes, and tokens to run."""

    model: int
    """Weights of model and SAE, where they run."""
    memory: int
    """Beside them, in the machine's own memory."""
    disk: int
    recorded: int
    """Tokens of questions, and of the text whose loss is shown."""
    scanned: int
    """Tokens of the corpora."""

    def in_words(self, device: str, folder: Path) -> str:
        where = "memory" if device == "cpu" else f"memory of the {device} device, and"
        room = (
            f"{in_bytes(self.model + self.memory)} of {where}"
            if device == "cpu"
            else f"{in_bytes(self.model)} of {where} {in_bytes(self.memory)} of the machine's"
        )
        free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
        there = free_bytes(torch.device("cpu"))
        available = "" if there is None else f" ({in_bytes(there)} free)"
        return (
            f"{self.recorded:,} tokens to record and {self.scanned:,} of text to scan; about "
            f"{room}{available}; about {in_bytes(self.disk)} of disk ({in_bytes(free)} free)."
        )


def needs(
    parameters: int, weight_bytes: int, d_in: int, d_sae: int, recorded: int, scanned: int
) -> Needs:
    """From the model's parameters, their size in bytes, the SAE's shape and the tokens to run."""
    resid = recorded * d_in * weight_bytes
    fired, text_fired = (n * GUESSED_L0 * FIRED_BYTES for n in (recorded, scanned))
    return Needs(
        model=parameters * weight_bytes + 2 * d_in * d_sae * 4,
        memory=2 * resid + 3 * fired + min(text_fired, SCAN_HOLDS),
        disk=2 * (resid + fired + text_fired),
        recorded=recorded,
        scanned=scanned,
    )


class Forecast:
    """Passes reports on; after the first batch that ran, says once how long all of it will take at
    that pace.
    """

    def __init__(self, total_tokens: int, on_progress: OnProgress):
        self._total = total_tokens
        self._pass_on = on_progress
        self._said = False

    def __call__(self, progress: Progress) -> None:
        if (
            not self._said
            and progress.seconds_left is not None
            and 0 < progress.done < progress.total
        ):
            self._said = True
            seconds = progress.seconds_left * self._total / (progress.total - progress.done)
            progress = progress._replace(
                note=f"By the first batch's pace, preparing takes about {in_time(seconds)}."
            )
        self._pass_on(progress)
