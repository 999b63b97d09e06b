"""The board's figures for a room: two numbers, one sentence and the chart."""

import html
import time
from collections.abc import Callable, Sequence
from typing import Literal

import altair as alt
from jaxtyping import Bool
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from backend.data.questions import CHANCE
from backend.engine.engine import Engine
from backend.evaluation.evaluate import Evaluation, SetResult
from backend.experiments.verdict import Fall, falls
from backend.progress import Progress
from backend.wording import points, signed
from components.charts.board import dumbbell
from components.charts.palette import FORGET, RETAIN
from components.progress_bar import left

State = Literal["final", "running", "former"]
REDRAW_S = 0.25
CHART_TEXT = 20
"""Pixels: what is read from the back of a room."""
CHART_WIDTH, CHART_HEIGHT = 572, 310
"""Of a window of 1280 by 720; the style sheet makes it smaller or larger with the page."""


class StageFigures:
    """The places of numbers, sentence and chart: an evaluation is drawn over the one before."""

    def __init__(
        self,
        places: tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator],
        engine: Engine,
        only: Bool[Tensor, " question"] | None,
        sentence_of: Callable[[Evaluation], str],
    ):
        """`places`: of the numbers, the sentence and the chart, each taking one element. `only` are
        the questions the figures are over. `sentence_of` is asked of complete evaluations alone.
        """
        self._numbers, self._sentence, self._chart = places
        self._engine, self._only, self._sentence_of = engine, only, sentence_of
        self._drawn_at = 0.0

    def draw(self, evaluation: Evaluation, *, former: bool = False) -> None:
        """`former`: it is of another setting than the one that is on now."""
        seen = self._engine.restrict(evaluation, self._only)
        state: State = "former" if former else "final" if evaluation.complete else "running"
        said = self._sentence_of(evaluation) if state == "final" else standing(seen.sets, state)
        self._numbers.html(numbers_html(seen.sets, state, acts=bool(seen.setting)))
        self._sentence.html(sentence_html(said))
        self._chart.altair_chart(enlarged(dumbbell(seen.sets, CHANCE)), width="content")

    def on_partial(self, evaluation: Evaluation) -> None:
        """An evaluation that is still growing, not more often than the eye can follow."""
        if not evaluation.complete and time.monotonic() - self._drawn_at > REDRAW_S:
            self.draw(evaluation)
            self._drawn_at = time.monotonic()

    def on_wait(self, progress: Progress) -> None:
        self._sentence.html(sentence_html(f"{progress.stage}…{left(progress.seconds_left)}"))

    def never_tried(self) -> None:
        """On a showcase: there are no figures of this setting."""
        self._sentence.html(
            sentence_html("This setting was never tried here: these are former figures.")
        )


def standing(sets: Sequence[SetResult], state: State) -> str:
    """What figures that are not final are, in one sentence."""
    if state == "former":
        return "Figures of the former setting: the new ones are being computed…"
    done, touched = sum(s.n_done for s in sets), sum(s.n_affected for s in sets)
    return f"So far, {done} of {touched} touched questions: these figures still move."


def sentence_html(said: str) -> str:
    return f'<p class="stage-sentence">{html.escape(said)}</p>'


def numbers_html(sets: Sequence[SetResult], state: State, *, acts: bool) -> str:
    """Both roles' numbers. `acts`: whether anything is on that could change them."""
    figures = "".join(_figure(fall, state, acts) for fall in falls(sets))
    return f'<div class="stage-numbers stage-{state}">{figures}</div>'


def _figure(fall: Fall, state: State, acts: bool) -> str:
    role = fall.result.role
    name = fall.name[0].upper() + fall.name[1:]
    colour = FORGET if role == "forget" else RETAIN
    return (
        f'<div class="stage-figure" style="border-color:{colour}">'
        f'<div class="stage-name"><small>{role.upper()}</small> {html.escape(name)}</div>'
        f'<div class="stage-number">{number(fall, acts)}</div>'
        f'<div class="stage-change">{change(fall.result, state, acts)}</div></div>'
    )


def number(fall: Fall, acts: bool) -> str:
    """Such as "71 → 47 %", in whole percent."""
    if not acts:
        return f"{fall.before} %"
    return f"{fall.before} → {'…' if fall.result.waiting else fall.after} %"


def change(s: SetResult, state: State, acts: bool) -> str:
    """The change with its interval, and whether it is final."""
    over = f"{s.n} questions"
    if not acts:
        return f"{over}, as the model is" if state != "former" else f"former setting, {over}"
    if s.waiting:
        return f"not yet known, {over}"
    if state == "running":
        done = f"so far, {s.n_done} of {s.n_affected} touched"
        return f"{signed(s.change_pp)} pp ± {s.sure_pp:.1f} {done}"
    said = f"{points(s.change_pp, s.ci_low_pp, s.ci_high_pp)}, {over}"
    return f"former setting: {said}" if state == "former" else said


def enlarged(chart: alt.LayerChart) -> alt.LayerChart:
    """The chart with text that is seen from far."""
    large = chart.properties(
        width=CHART_WIDTH,
        height=CHART_HEIGHT,
        autosize=alt.AutoSizeParams(type="fit", contains="padding"),
    )
    return large.configure_axis(labelFontSize=CHART_TEXT, titleFontSize=CHART_TEXT, labelLimit=330)
