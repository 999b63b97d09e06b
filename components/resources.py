"""The only owner of what all sessions of the server share: the prepared engine."""

import os
import threading
from dataclasses import dataclass, field

import streamlit as st

from backend.engine.engine import Engine
from backend.progress import Progress
from backend.setups import load_setup
from components.progress_bar import show_progress
from components.wording import plain

WAIT_S = 0.2


@dataclass
class _Slot:
    """Holds the engine once it is prepared.

    The lock lets one session prepare while the others wait.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    engine: Engine | None = None


@st.cache_resource(show_spinner=False)
def _slot(setup: str) -> _Slot:
    return _Slot()


def engine() -> Engine:
    """The engine of the setup named by $CLAMPBOARD_SETUP, prepared with progress the first time.

    Not a cached function itself: a cached one may not draw progress.
    """
    wanted = os.environ.get("CLAMPBOARD_SETUP", "demo")
    slot = _slot(wanted)
    # There on every run: elements that move up a place would leave ghosts of the run before.
    place = st.empty()
    ready = slot.engine
    if ready is None:
        with place.container():
            ready = _prepare(wanted, slot)
        place.empty()
    return ready


def _prepare(wanted: str, slot: _Slot) -> Engine:
    """Prepare the setup, or wait until the session that does so is done."""
    st.subheader("Preparing")
    st.caption(
        "Once per setup: every question is recorded and every feature looked at. "
        "Later starts take seconds."
    )
    bar = st.progress(0.0, "Starting…")
    notes = st.container()

    def show(progress: Progress) -> None:
        if progress.note:
            notes.caption(plain(progress.note))
        show_progress(bar, progress)

    while not slot.lock.acquire(timeout=WAIT_S):
        bar.progress(0.0, "Another window is preparing this setup…")
    try:
        # Set under the lock: the sessions that wait for it look there.
        if slot.engine is None:
            engine = Engine(load_setup(wanted), show)
            engine.load()  # the first move is not to wait for it
            slot.engine = engine
        return slot.engine
    finally:
        slot.lock.release()
