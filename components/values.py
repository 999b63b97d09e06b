"""What a session keeps and hands to what is drawn."""

from collections.abc import Callable
from typing import NamedTuple

from backend.experiments.generate import Sampling, Written
from backend.interventions.edit import Clamps

PINS = ("A", "B")
"""Names of the two settings put side by side."""

Pins = tuple[Clamps | None, Clamps | None]
"""The settings pinned as A and as B."""


class Hypothesis(NamedTuple):
    """What the user expects of the next setting."""

    text: str = ""
    written: float = 0.0
    """Unix time."""


class Work(NamedTuple):
    """Long work that the user asks for; it goes on over reruns until it is done or stopped."""

    wanted: object
    """Its subject (the clamps whose controls are to run, say); None while it is not wanted."""
    ask: Callable[[object], None]
    """To be called with the subject it is wanted for; with None to stop it."""


class Words(NamedTuple):
    """A prompt and what was written for it, without and with clamps."""

    prompt: str
    chat: bool
    sampling: Sampling
    max_tokens: int
    clamps: Clamps
    texts: tuple[Written, Written] = (Written(), Written())
    running: bool = False
