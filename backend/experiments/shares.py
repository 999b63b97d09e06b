"""How much of what settings forget any features forget as well, from controls that were run.
Nothing is run here.
"""

from collections.abc import Iterable

from backend.engine.engine import Engine
from backend.experiments.controls import controls, forget_counts
from backend.experiments.damage import elsewhere, tenths
from backend.experiments.effects import control_effect, own_effect
from backend.interventions.method import Setting

LAST = "next"
"""Directions whose control runs after those of random features."""


def controlled(engine: Engine, settings: Iterable[Setting]) -> list[Setting]:
    """Those whose controls were run, at least as far as it takes to say something."""
    return [s for s in settings if s.clamps and engine.finished_along(LAST, s)]


def shares_in_words(engine: Engine, settings: Iterable[Setting]) -> dict[Setting, str]:
    """Such as "7 parts in 10 with any features", of settings that are `controlled`."""
    counts, W_dec = forget_counts(engine), engine.sae.W_dec
    said = {}
    for setting in settings:
        own = engine.finished(setting)
        drawn = [
            control_effect(control, result)
            for control in controls(setting, counts, W_dec)
            if control.kind == "random features"
            and (result := engine.finished(control.setting)) is not None
        ]
        if own is not None and drawn:
            found = elsewhere(own_effect(own), drawn)
            said[setting] = (
                "nothing is lost"
                if found is None
                else f"{tenths(found.features)} with any features"
            )
    return said
