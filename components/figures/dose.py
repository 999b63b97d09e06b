"""A dose curve: accuracy on forget and retain questions by the strength of a feature's clamp, or of
a direction.
"""

import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.data.questions import CHANCE
from backend.evaluation.evaluate import Evaluation
from backend.experiments.dose import Dose
from backend.experiments.dose import points as dose_points
from backend.progress import Progress
from components.charts.dose import MULTIPLES, Across, dose_curves
from components.pictures import show_chart
from components.progress_bar import in_words

REDRAW_S = 0.25


class GrowingCurve:
    """A dose curve in one place of a page, drawn again as strengths come in."""

    def __init__(
        self,
        place: DeltaGenerator,
        n_wanted: int,
        across: Across = MULTIPLES,
        name: str | None = None,
    ):
        """`name`: of the picture that the whole curve can be kept as, once a page."""
        self._place = place
        self._name = name
        self._n_wanted = n_wanted
        self._across = across
        self._doses: list[Dose] = []
        self._drawn_at = 0.0
        self._waiting = ""

    def add(self, dose: Dose) -> None:
        self._doses.append(dose)
        self._waiting = ""
        self._draw()

    def on_partial(self, evaluation: Evaluation) -> None:
        """Gives a new visit the chance to stop this one, also inside a long evaluation."""
        self._waiting = ""
        if self._doses:
            self._draw()
        else:
            done, affected = int(evaluation.done.sum()), int(evaluation.affected.sum())
            self._place.caption(f"First strength: {done} of {affected} questions…")

    def on_wait(self, progress: Progress) -> None:
        """Gives a new visit the chance to leave the queue."""
        self._waiting = in_words(progress)
        if self._doses:
            self._draw()
        else:
            self._place.caption(self._waiting)

    def _draw(self) -> None:
        """At most every REDRAW_S seconds, but the whole curve always."""
        whole = len(self._doses) >= self._n_wanted
        if whole or time.monotonic() - self._drawn_at > REDRAW_S:
            with self._place.container():
                draw_dose_curve(
                    self._doses,
                    self._n_wanted,
                    self._waiting,
                    self._across,
                    self._name if whole else None,
                )
            self._drawn_at = time.monotonic()


def points(doses: Sequence[Dose], across: Across = MULTIPLES) -> pd.DataFrame:
    """As backend.experiments.dose.points; a direction has strengths, no multiples."""
    if across is MULTIPLES:
        return dose_points(doses)
    return dose_points(doses, lambda dose: f"{across.title} {dose.multiple:g}")


def draw_dose_curve(
    doses: Sequence[Dose],
    n_wanted: int,
    waiting: str = "",
    across: Across = MULTIPLES,
    name: str | None = None,
) -> None:
    """`waiting` is what the next strength waits for, in words; `name` as in `GrowingCurve`."""
    table = points(doses, across)
    n = {s.role: s.n for s in (doses[0].forget, doses[0].retain)}
    without = "a clamp" if across is MULTIPLES else "it"
    show_chart(dose_curves(table, CHANCE, across), name)
    state = waiting or "running…"
    running = f" {len(doses)} of {n_wanted} strengths: {state}" if len(doses) < n_wanted else ""
    st.caption(
        f"Over {n['forget']} forget questions (solid, dots) and {n['retain']} retain questions "
        f"(dashed, diamonds). Dotted: without {without}. "
        f"Band: 95 % interval of the change.{running}"
    )
    with st.expander("The curve as a table"):
        wide = {
            "multiple": "at",
            "role": "role",
            "accuracy": "accuracy, %",
            "said": "in words",
            "lost": "lost",
            "gained": "gained",
        }
        st.dataframe(
            table[list(wide)].rename(columns=wide),
            hide_index=True,
            width="stretch",
            column_config={
                "at": st.column_config.NumberColumn(
                    format="%+.0fx" if across is MULTIPLES else "%.2f"
                ),
                "accuracy, %": st.column_config.NumberColumn(format="%.1f"),
            },
        )
