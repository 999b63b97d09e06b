"""The only owner of what all sessions of the server share: the prepared engine."""

import os
import threading
from dataclasses import dataclass, field

import streamlit as st

from backend.engine.engine import Engine
from backend.progress import Progress
from backend.setups import load_setup

WAIT_S = 0.2


@dataclass
class _Slot:
    """Holds the engine once it is prepared. The lock lets one session prepare while the others
    wait.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    engine: Engine | None = None


@st.cache_resource(show_spinner=False)
def _slot(setup: str) -> _Slot:
    return _Slot()


def engine() -> Engine:
    """The engine of the setup named by $CLAMPBOARD_SETUP; prepares it, with progress, the first
    time.

    Not a cached function itself: a cached one may not draw progress.
    """
    wanted = os.environ.get("CLAMPBOARD_SETUP", "demo")
    # the place is there on every run: elements that move up a place would leave ghosts of the run before
    slot = _slot(wanted)
    place = st.empty()
    if slot.engine is None:
        with place.container():
            st.subheader("Preparing")
            st.caption(
                "Once per setup: every question is recorded and every feature looked at. Later"
                " starts take seconds."
            )
            bar, notes = st.progress(0.0, "Starting…"), st.container()

            def show(progress: Progress) -> None:
                if progress.note:
                    notes.caption(progress.note)
                left = (
                    ""
                    if progress.seconds_left is None
                    else f" · {progress.seconds_left:,.0f} s left"
                )
                bar.progress(
                    progress.done / progress.total if progress.total else 0.0,
                    f"{progress.stage}…{left}",
                )

            while not slot.lock.acquire(timeout=WAIT_S):
                bar.progress(0.0, "Another window is preparing this setup…")
            try:
                slot.engine = slot.engine or Engine(load_setup(wanted), show)
            finally:
                slot.lock.release()
        place.empty()
    return slot.engine
