"""One check of what could make a board's figures mislead, and how many of them passed. Pure."""

from collections.abc import Sequence
from typing import NamedTuple


class Light(NamedTuple):
    """One check."""

    name: str
    ok: bool | None
    """False where a conclusion from the board needs a second look; None where what it needs was
    not run.
    """
    finding: str
    """What the figures say, with their n."""
    meaning: str
    advice: str


def passed(lights: Sequence[Light]) -> str:
    """How many passed, of how many: those not run are said beside them, and pass nowhere."""
    known = [light for light in lights if light.ok is not None]
    said = f"{sum(bool(light.ok) for light in known)} of {len(known)} checks passed"
    missing = len(lights) - len(known)
    return said + (f", {missing} not run" if missing else "")
