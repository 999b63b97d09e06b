"""What a session keeps and hands to what is drawn."""

from collections.abc import Callable
from typing import NamedTuple

from backend.evaluation.calibration import Calibration
from backend.experiments.generate import Sampling, Written
from backend.interventions.method import Setting

PINS = ("A", "B")
"""Names of the two settings put side by side."""

Pins = tuple[Setting | None, Setting | None]
"""The settings pinned as A and as B."""


class FoundTau(NamedTuple):
    """A gate's tau where it was found."""

    setting: Setting
    calibration: Calibration

    def is_of(self, setting: Setting) -> bool:
        """Whether it says something of this setting's gate: the values clamped to do not matter."""
        mine, theirs = self.setting.method, setting.method
        return (self.setting.features, mine.threshold, mine.gate) == (
            setting.features,
            theirs.threshold,
            theirs.gate,
        )


class Hypothesis(NamedTuple):
    """What the user expects of the next setting."""

    text: str = ""
    written: float = 0.0
    """Unix time."""


class Work(NamedTuple):
    """Long work that the user asks for; it goes on over reruns until it is done or stopped."""

    wanted: object
    """Its subject (the setting whose controls are to run, say); None while it is not wanted."""
    ask: Callable[[object], None]
    """To be called with the subject it is wanted for; with None to stop it."""


class Words(NamedTuple):
    """A prompt and what was written for it, by the model as it is and under other settings."""

    prompt: str
    chat: bool
    sampling: Sampling
    max_tokens: int
    settings: tuple[Setting, ...]
    """Of each text; the first is none."""
    texts: tuple[Written, ...]
    running: bool = False
