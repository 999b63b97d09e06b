"""The only owner of what all sessions of the server share: the prepared engine."""

import os
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

import streamlit as st

from backend.engine.engine import Engine
from backend.experiments.generate import Written
from backend.progress import Progress
from backend.setups import load_setup
from components.progress_bar import show_progress
from components.wording import plain

WAIT_S = 0.2
MOST_TEXTS = 2000


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


class Texts:
    """What the model wrote, greedily, to its end: whoever asks the same sees it at once. The lock
    keeps two sessions from changing the order at the same time.
    """

    def __init__(self, most: int = MOST_TEXTS):
        self._texts: OrderedDict[Hashable, Written] = OrderedDict()
        self._lock = threading.Lock()
        self._most = most

    def find(self, key: Hashable) -> Written | None:
        with self._lock:
            return self._texts.get(key)

    def keep(self, key: Hashable, written: Written) -> None:
        """Of more than `most` the oldest goes."""
        with self._lock:
            self._texts[key] = written
            while len(self._texts) > self._most:
                self._texts.popitem(last=False)


@st.cache_resource(show_spinner=False)
def _texts_of(setup_key: str) -> Texts:
    return Texts()


def texts(engine: Engine) -> Texts:
    """Of the engine's setup, since the server began."""
    return _texts_of(engine.key)


def _prepare(wanted: str, slot: _Slot) -> Engine:
    """Prepare the setup, or wait until the session that does so is done.

    What preparing will take is a note that comes only where something is left to make.
    """
    heading = st.empty()
    heading.subheader("Loading", anchor=False)
    bar = st.progress(0.0, "Starting…")
    notes = st.container()

    def show(progress: Progress) -> None:
        if progress.note:
            with heading.container():
                st.header("Preparing, once per setup", anchor=False)
                st.caption("Every question is recorded and every feature looked at.")
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
