"""Clampboard in a notebook or a script: `load` a setup, then search, read, clamp, evaluate.

A thin face over backend.engine.engine.Engine (`Lab.engine`, for all that is not here). What comes
back is a DataFrame, one of the backend's own dataclasses, or something that a notebook shows as
HTML and a terminal as some lines. Nothing is printed or logged, and importing this loads no model.

Public: `load`; what it gives is `lab.Lab`, and what that clamps `tried.Tried`.
"""

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from backend.setups import load_setup

if TYPE_CHECKING:
    from backend.notebook.lab import Lab

logging.getLogger("backend").addHandler(logging.NullHandler())
# Said by tqdm in a notebook without widgets, whoever imports it first; its bars are text there.
warnings.filterwarnings("ignore", message="IProgress not found")


def load(setup: str | Path = "demo", progress: bool = False) -> "Lab":
    """The setup of that shipped name or TOML path, prepared the first time, its model in memory.

    `progress` draws bars of tqdm on standard error, here and in all that the lab does. Raises
    ClampboardError in words; what is wrong in the setup before anything is loaded.
    """
    checked = load_setup(setup)
    from backend.notebook.quiet import quiet

    with quiet():
        from backend.engine.engine import Engine
        from backend.notebook.bars import bars
        from backend.notebook.lab import Lab

        with bars(progress) as on_progress:
            engine = Engine(checked, on_progress)
            engine.load()
    return Lab(engine, progress)
