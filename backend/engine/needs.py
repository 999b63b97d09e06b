"""What preparing will take, said before it begins: memory and disk from the sizes, time from the
first batch.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from backend.features.scan import MOST_KEPT
from backend.progress import OnProgress, Progress

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
            f"{_gb(self.model + self.memory)} of {where}"
            if device == "cpu"
            else f"{_gb(self.model)} of {where} {_gb(self.memory)} of the machine's"
        )
        free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
        return (
            f"{self.recorded:,} tokens to record and {self.scanned:,} of text to scan; about "
            f"{room}{_available()}; about {_gb(self.disk)} of disk ({_gb(free)} free)."
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


def in_time(seconds: float) -> str:
    """A duration as one would say it."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _gb(n: float) -> str:
    return f"{n / 1e9:.1f} GB" if n >= 1e8 else f"{n / 1e6:.0f} MB"


def _available(meminfo: Path = Path("/proc/meminfo")) -> str:
    """What is free of the machine's memory, where the system says so."""
    try:
        lines = dict(line.split(":") for line in meminfo.read_text().splitlines())
        return f" ({_gb(int(lines['MemAvailable'].split()[0]) * 1024)} free)"
    except (OSError, KeyError, ValueError, IndexError):
        return ""
