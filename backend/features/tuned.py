"""Shipped settings that the machine found: every feature's own value, and how it was come by."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from backend.interventions.clamps import Clamps, parse_clamps
from backend.interventions.method import Method, parse_method

DEMO = Path(__file__).parent.parent / "demo"
BIOLOGY = DEMO / "tuned_biology.json"


class Tuned(NamedTuple):
    clamps: Clamps
    method: Method
    how: str
    """How it was found, in words that go on after how many features it has."""
    command: str
    """What found it, to be run again."""
    dtype: str
    """The precision it was found in; in another one figures differ by a few questions."""


@cache
def read_tuned(path: Path) -> Tuned:
    """Ships with the program."""
    said = json.loads(path.read_text(encoding="utf-8"))
    clamps, method = parse_clamps(said["clamps"]), parse_method(said["method"])
    return Tuned(clamps, method, said["how"], said["command"], said["dtype"])
