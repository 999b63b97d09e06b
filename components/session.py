"""The beginning of every page: the engine, and the session with what its visitor left behind."""

from functools import partial

from backend.engine.engine import Engine
from backend.sharing.links import folder_of, resolved
from components import resources, state
from components.visits import visitor


def begin(*, offered: bool = False) -> Engine:
    """Raises ClampboardError where the engine cannot be had. `offered`: see `state.start`."""
    engine = resources.engine()
    state.start(
        engine.d_sae,
        partial(engine.visits.read, visitor()),
        partial(resolved, folder_of(engine)),
        offered=offered,
    )
    return engine
