"""Many settings in one go.

One feature's strengths, or the first n of the clamped features at each of a row of strengths.
"""

import time
from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st
from jaxtyping import Bool
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from backend import wording
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation, SetResult, pooled
from backend.experiments.sweep import Point, finished_points, grid, run_sweep
from backend.interventions.method import Method, Setting
from backend.progress import Progress
from backend.wording import multiple, percent
from components.charts.sweep import sweep_chart
from components.messages import show_problem, showcase_off
from components.pictures import show_chart
from components.progress_bar import in_words, left, share_done
from components.values import Work

TOGETHER = "all together"
Settings = dict[Setting, tuple[int, float]]
"""As backend.experiments.sweep.grid gives them."""


def draw_sweep(
    engine: Engine,
    evaluation: Evaluation,
    features: Sequence[int],
    method: Method,
    only: Bool[Tensor, " question"] | None,
    work: Work,
    on_take: Callable[[Setting], None],
) -> None:
    """The form, what is known of the grid, and the rest when it is asked for.

    `features` are those on the board, from the top, and `method` is the board's; `on_take` is
    called with the setting to put there. `work` is wanted for the settings of a grid. It is done
    here, so call it last.
    """
    st.header("Sweep", anchor=False)
    if not st.toggle("Evaluate a grid of settings", key="sweep_open", persist_state="session"):
        return
    st.caption(
        "Draws what each setting forgets and what it costs. "
        "Stopped at any time, it goes on from there."
    )
    if not features:
        st.caption("Clamp at least one feature to sweep it.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        what = st.selectbox(
            "Features",
            [TOGETHER, *features],
            key="sweep_what",
            format_func=lambda f: (
                f if isinstance(f, str) else f"{f} alone · {engine.atlas.name(f)}"
            ),
        )
        strengths = st.text_input(
            "Strengths, in multiples of each maximum", "0, -2, -4, -8, -12", key="sweep_strengths"
        )
        numbers = st.text_input(
            "How many features, from the top of the list",
            ", ".join(map(str, counts(len(features)))),
            key="sweep_numbers",
            disabled=what != TOGETHER,
        )
    with show_problem():
        if isinstance(what, int):
            features, ns = (what,), [1]
        else:
            ns = [round(n) for n in numbers_in(numbers)]
        settings = grid(
            features, lambda f: engine.atlas.about(f)["max_act"], ns, numbers_in(strengths), method
        )
        _draw_settings(engine, evaluation, settings, only, work, on_take)


def _draw_settings(
    engine: Engine,
    evaluation: Evaluation,
    settings: Settings,
    only: Bool[Tensor, " question"] | None,
    work: Work,
    on_take: Callable[[Setting], None],
) -> None:
    points = finished_points(engine, settings, only)
    missing = len(settings) - len(points)
    controls = st.container(horizontal=True, vertical_alignment="center")
    place = st.empty()
    with controls:
        st.caption(f"{len(settings)} settings, {len(points)} of them known.")
    wanted = tuple(settings)
    here = _here(engine.restrict(evaluation, only))
    _draw_points(place, engine, points, here, only, on_take)
    if not missing or showcase_off():
        return
    if work.wanted != wanted:
        with controls:
            st.button(
                f"Run {missing} settings",
                icon=":material/play_arrow:",
                key="sweep_run",
                on_click=work.ask,
                args=(wanted,),
            )
        return
    with controls:
        st.button("Stop", icon=":material/stop:", key="sweep_stop", on_click=work.ask, args=(None,))
    _run(
        engine, settings, only, points, lambda grown: _draw_points(place, engine, grown, here, only)
    )
    work.ask(None)
    st.rerun()


def _run(
    engine: Engine,
    settings: Settings,
    only: Bool[Tensor, " question"] | None,
    finished: Sequence[Point],
    redraw: Callable[[Sequence[Point]], None],
) -> None:
    """Evaluate the settings that are not finished, under a bar; draw the points after each."""
    points = list(finished)
    missing = len(settings) - len(finished)
    bar = st.progress(0.0, "Sweeping…")
    start = time.monotonic()

    def show(partial: Evaluation) -> None:
        fresh = len(points) - len(finished)
        done = fresh + share_done(partial)
        seconds = (time.monotonic() - start) / done * (missing - done) if done else None
        bar.progress(
            done / missing, f"Setting {min(fresh + 1, missing)} of {missing}{left(seconds)}"
        )

    def wait(progress: Progress) -> None:
        fresh = len(points) - len(finished)
        bar.progress(fresh / missing, f"Setting {fresh + 1} of {missing}: {in_words(progress)}")

    for made in run_sweep(engine, settings, only, show, wait):
        if made not in points:
            points.append(made)
            redraw(points)


def _here(current: Evaluation) -> Point:
    """The present setting, as a point of no grid."""
    forget = pooled(current.sets, "forget")
    retain = pooled(current.sets, "retain")
    return Point(len(current.clamps), 0.0, current.setting, forget, retain)


def _draw_points(
    place: DeltaGenerator,
    engine: Engine,
    points: Sequence[Point],
    here: Point,
    only: Bool[Tensor, " question"] | None,
    on_take: Callable[[Setting], None] | None = None,
) -> None:
    """Without `on_take` none can be chosen: while a grid runs, its points are drawn again."""
    if not points:
        return
    points = sorted(points, key=lambda p: (p.n, -p.multiple))
    with place.container():
        tried = pd.DataFrame(
            [
                {"forget": t.forget.percent, "retain": t.retain.percent}
                for t in engine.history.trials(only)
            ],
            columns=["forget", "retain"],
        )
        show_chart(
            sweep_chart(point_rows(points), point_rows([here]), tried),
            None if on_take is None else "sweep",
        )
        st.caption(
            "A line joins the settings of one number of features, in the order of their strengths; "
            "the number at a dot is the strength. Square: no clamp. Diamond: the present setting. "
            "Grey circles: what you tried before. Down is forgotten, right is kept. "
            "Thin lines: 95 % intervals. Each point also stands among the trials, small and pale."
        )
        table = point_table(points)
        height = min(320, 40 + 35 * len(points))
        if on_take is None:
            st.dataframe(table, hide_index=True, width="stretch", height=height)
            return
        event = st.dataframe(
            table,
            hide_index=True,
            width="stretch",
            height=height,
            key="sweep_table",
            on_select="rerun",
            selection_mode="single-row",
        )
        if rows := [row for row in event.selection.rows if row < len(points)]:
            st.button(
                "Put this setting on the board",
                icon=":material/tune:",
                key="sweep_take",
                on_click=on_take,
                args=(points[rows[0]].setting,),
            )


def counts(n: int) -> list[int]:
    """The paper's numbers of features below n, and n itself."""
    return [k for k in (1, 10, 20, 50, 100) if k < n][-3:] + [n]


def numbers_in(text: str) -> list[float]:
    """Numbers separated by commas or spaces. Raises BadInput naming what is none."""
    out = []
    for part in text.replace(",", " ").replace("−", "-").split():
        try:
            out.append(float(part.removesuffix("x")))
        except ValueError:
            raise BadInput(
                f"'{part[:20]}' is not a number. "
                "Write numbers separated by commas, such as 0, -2, -8."
            ) from None
    return out


def point_rows(points: Sequence[Point]) -> pd.DataFrame:
    """One row a point, in percent, for the chart."""
    return pd.DataFrame([_row(point) for point in points])


def _row(point: Point) -> dict[str, str | float]:
    return {
        "features": f"{point.n} feature{'s' if point.n != 1 else ''}",
        "multiple": point.multiple,
        "strength": multiple(point.multiple),
        **_span("forget", point.forget),
        **_span("retain", point.retain),
        "baseline_forget": 100 * point.forget.baseline_accuracy,
        "baseline_retain": 100 * point.retain.baseline_accuracy,
    }


def _span(role: str, s: SetResult) -> dict[str, float]:
    before = 100 * s.baseline_accuracy
    return {
        role: 100 * s.accuracy,
        f"{role}_low": max(0.0, before + s.ci_low_pp),
        f"{role}_high": min(100.0, before + s.ci_high_pp),
    }


def point_table(points: Sequence[Point]) -> pd.DataFrame:
    """The same in words."""

    def words(s: SetResult) -> str:
        change = wording.points(s.change_pp, s.ci_low_pp, s.ci_high_pp)
        return f"{percent(s.accuracy)} ({change}, n {s.n})"

    return pd.DataFrame(
        [
            {
                "features": p.n,
                "strength": multiple(p.multiple),
                "forget": words(p.forget),
                "retain": words(p.retain),
            }
            for p in points
        ]
    )
