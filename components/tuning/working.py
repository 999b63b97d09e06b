"""What the three ways have in common: start and stop, how far, and what is chosen of it."""

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.errors import ClampboardError
from backend.evaluation.evaluate import Evaluation
from backend.experiments.halves import OfHalf
from backend.interventions.method import Setting
from backend.progress import Progress
from backend.tuning.found import Found
from components.messages import show_problem
from components.progress_bar import in_words, left, share_done, show_progress
from components.tuning.rows import both_said
from components.values import Work
from components.wording import plain

REDRAW_S = 0.5
OnPut = Callable[[Setting], None]
"""Puts a setting on the board and goes there."""
T = TypeVar("T")


class Redrawn(Generic[T]):
    """What grows, in one place of a page: drawn again, but not more often than the eye follows."""

    def __init__(self, place: DeltaGenerator, draw: Callable[[T], None]):
        self._place = place
        self._draw = draw
        self._drawn_at = 0.0

    def show(self, grown: T) -> None:
        if time.monotonic() - self._drawn_at > REDRAW_S:
            with self._place.container():
                self._draw(grown)
            self._drawn_at = time.monotonic()


class Counted:
    """A bar over settings that run one after the other; each call lets a rerun stop the work."""

    def __init__(self, place: DeltaGenerator):
        self._bar = place.progress(0.0, "Starting…")
        self._stage = ""
        self._done = self._total = self._begun_at_n = 0
        self._begun = time.monotonic()

    def at(self, stage: str, done: int, total: int) -> None:
        """So many settings of a stage are done. `stage` says it in words."""
        if total != self._total or done < self._done:
            self._begun, self._begun_at_n = time.monotonic(), done
        self._stage, self._done, self._total = stage, done, total
        self._show(0.0)

    def on_partial(self, evaluation: Evaluation) -> None:
        self._show(share_done(evaluation))

    def on_wait(self, progress: Progress) -> None:
        """What else is done or waited for; it has the bar as long as no stage has."""
        if not self._total:
            show_progress(self._bar, progress)
            return
        share = min(1.0, self._done / self._total)
        self._bar.progress(share, f"{self._stage} · {in_words(progress)}")

    def _show(self, part: float) -> None:
        ran = self._done - self._begun_at_n + part
        rest = self._total - self._done - part
        seconds = (time.monotonic() - self._begun) / ran * rest if ran > 0 else None
        share = (self._done + part) / self._total if self._total else 0.0
        self._bar.progress(min(1.0, share), f"{self._stage}{left(seconds)}")


def draw_start(work: Work, wanted: Hashable, label: str, key: str, *, primary: bool = True) -> None:
    st.button(
        label,
        icon=":material/play_arrow:",
        key=key,
        type="primary" if primary else "secondary",
        on_click=work.ask,
        args=(wanted,),
    )


def draw_stop(work: Work, key: str) -> None:
    st.button("Stop", icon=":material/stop:", key=key, on_click=work.ask, args=(None,))


@contextmanager
def at_work(work: Work, on_problem: Callable[[], None]) -> Iterator[None]:
    """What is done last. If it cannot be done that is said, it is wanted no longer, and
    `on_problem` draws what is then on offer.
    """
    with show_problem():
        try:
            yield
        except ClampboardError:
            work.ask(None)
            on_problem()
            raise


def draw_chosen(title: str, half: OfHalf, setting: Setting, key: str, on_put: OnPut) -> None:
    """What was picked from a chart or a table, with its figures, and its way to the board."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(title)}**")
            st.space("stretch")
            wanted = st.button("Put it on the board", icon=":material/tune:", key=key)
        st.caption(plain(f"Selection half: {both_said(half)}."))
    if wanted:
        on_put(setting)


def draw_winner(title: str, found: Found, key: str, on_put: OnPut) -> None:
    """What was chosen, among how many, and what is left of it where it was not chosen."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(title)}**")
            st.space("stretch")
            wanted = st.button(
                "Put it on the board", icon=":material/tune:", key=key, type="primary"
            )
        st.write(plain(found.in_words()))
        counted = "; ".join(
            f"{half} half: {of.forget.n} forget and {of.retain.n} retain questions"
            for half, of in found.halves.items()
        )
        st.caption(f"{counted[:1].upper()}{counted[1:]}. In brackets: 95 % intervals.")
    if wanted:
        on_put(found.setting)
