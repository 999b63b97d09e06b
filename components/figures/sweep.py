"""Many settings in one go: one feature's strengths, or the first n of the clamped features at each
of a row of strengths.
"""

import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st
from jaxtyping import Bool
from torch import Tensor

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation, pooled
from backend.experiments.sweep import Point, finished_points, grid, run_sweep
from backend.interventions.board import Board, board_of
from components import state
from components.charts.all import sweep_chart
from components.figures.board import signed
from components.frame import show_problem

WORK = "sweep"
REDRAW_S = 0.5


def draw_sweep(
    engine: Engine, evaluation: Evaluation, board: Board, only: Bool[Tensor, " question"] | None
) -> None:
    """The form, what is known of the grid, and the rest when it was asked for: it runs here, so
    call it last.
    """
    st.subheader("Sweep")
    if not st.toggle("Evaluate a grid of settings", key="sweep_open", persist_state="session"):
        return
    st.caption(
        "Draws what each setting forgets and what it costs. Stopped at any time, it goes on from"
        " there."
    )
    features = board.features()
    if not features:
        st.caption("Clamp at least one feature to sweep it.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        what = st.selectbox(
            "Features",
            ["all together", *features],
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
            disabled=what != "all together",
        )
    with show_problem():
        chosen, ns = (
            (features, [round(n) for n in numbers_in(numbers)])
            if what == "all together"
            else ((what,), [1])
        )
        settings = grid(
            chosen, lambda f: engine.atlas.about(f)["max_act"], ns, numbers_in(strengths)
        )
        _draw_run(engine, evaluation, settings, only)


def _draw_run(
    engine: Engine, evaluation: Evaluation, settings: dict, only: Bool[Tensor, " question"] | None
) -> None:
    points = finished_points(engine, settings, only)
    missing = len(settings) - len(points)
    controls, place = st.container(horizontal=True, vertical_alignment="center"), st.empty()
    with controls:
        st.caption(f"{len(settings)} settings, {len(points)} of them known.")
    wanted = tuple(settings)
    _draw_points(place, engine, points, evaluation, only)
    if missing and not state.asked(WORK, wanted):
        with controls:
            st.button(
                f"Run {missing} settings",
                icon=":material/play_arrow:",
                key="sweep_run",
                on_click=state.ask,
                args=(WORK, wanted),
            )
    elif missing:
        with controls:
            st.button(
                "Stop",
                icon=":material/stop:",
                key="sweep_stop",
                on_click=state.ask,
                args=(WORK, None),
            )
        bar, start = st.progress(0.0, "Sweeping…"), time.monotonic()
        fresh = 0

        def show(partial: Evaluation) -> None:
            share = float(partial.done.sum()) / max(1, int(partial.affected.sum()))
            left = (
                (time.monotonic() - start) / (fresh + share) * (missing - fresh - share)
                if fresh + share
                else None
            )
            bar.progress(
                (fresh + share) / missing,
                f"Setting {min(fresh + 1, missing)} of {missing}"
                + ("" if left is None else f" · {left:,.0f} s left"),
            )

        for made in run_sweep(engine, settings, only, show):
            if made not in points:
                points.append(made)
                fresh += 1
                _draw_points(place, engine, points, evaluation, only, choose=False)
        state.ask(WORK, None)
        st.rerun()


def _draw_points(
    place,
    engine: Engine,
    points: Sequence[Point],
    evaluation: Evaluation,
    only: Bool[Tensor, " question"] | None,
    choose: bool = True,
) -> None:
    if not points:
        return
    current = evaluation if only is None else engine.restrict(evaluation, only)
    here = Point(
        len(current.clamps),
        0.0,
        current.clamps,
        pooled(current.sets, "forget"),
        pooled(current.sets, "retain"),
    )
    points = sorted(points, key=lambda p: (p.n, -p.multiple))
    with place.container():
        tried = pd.DataFrame(
            [
                {"forget": t.forget.percent, "retain": t.retain.percent}
                for t in engine.history.trials(only)
            ],
            columns=["forget", "retain"],
        )
        st.altair_chart(sweep_chart(point_rows(points), point_rows([here]), tried), width="stretch")
        st.caption(
            "A line joins the settings of one number of features, in the order of their strengths;"
            " the number at a dot is the strength. Square: no clamp. Diamond: the present setting."
            " Grey circles: what you tried before. Down is forgotten, right is kept. Thin lines: 95"
            " % intervals."
        )
        event = st.dataframe(
            point_table(points),
            hide_index=True,
            width="stretch",
            height=min(320, 40 + 35 * len(points)),
            key="sweep_table" if choose else None,
            on_select="rerun" if choose else "ignore",
            selection_mode="single-row",
        )
        if choose and (rows := [row for row in event.selection.rows if row < len(points)]):
            clamps = points[rows[0]].clamps
            st.button(
                "Put this setting on the board",
                icon=":material/tune:",
                key="sweep_take",
                on_click=lambda: state.set_board(board_of(clamps), redraw=True),
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
                f"'{part[:20]}' is not a number. Write numbers separated by commas, such as 0,"
                " -2, -8."
            ) from None
    return out


def point_rows(points: Sequence[Point]) -> pd.DataFrame:
    """One row a point, in percent, for the chart."""

    def span(s) -> tuple[float, float, float]:
        return (
            100 * s.accuracy,
            max(0.0, 100 * s.baseline_accuracy + s.ci_low_pp),
            min(100.0, 100 * s.baseline_accuracy + s.ci_high_pp),
        )

    columns = (
        "forget",
        "forget_low",
        "forget_high",
        "retain",
        "retain_low",
        "retain_high",
        "baseline_forget",
        "baseline_retain",
    )
    return pd.DataFrame(
        [
            {
                "features": f"{p.n} feature{'s' if p.n != 1 else ''}",
                "multiple": p.multiple,
                "strength": f"{p.multiple:g}x",
                **dict(
                    zip(
                        columns,
                        (
                            *span(p.forget),
                            *span(p.retain),
                            100 * p.forget.baseline_accuracy,
                            100 * p.retain.baseline_accuracy,
                        ),
                        strict=True,
                    )
                ),
            }
            for p in points
        ]
    )


def point_table(points: Sequence[Point]) -> pd.DataFrame:
    def words(s) -> str:
        return (
            f"{s.accuracy:.1%} ({signed(s.change_pp)} pp [{signed(s.ci_low_pp)},"
            f" {signed(s.ci_high_pp)}], n {s.n})"
        )

    return pd.DataFrame(
        [
            {
                "features": p.n,
                "strength": f"{p.multiple:g}x",
                "forget": words(p.forget),
                "retain": words(p.retain),
            }
            for p in points
        ]
    )
