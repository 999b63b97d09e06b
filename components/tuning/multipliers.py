"""Tune the multipliers: sliders that move by gradient, on the board for all to see."""

from collections.abc import Callable
from typing import Any, NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import showcase
from backend.engine.engine import Engine
from backend.interventions.board import Board
from backend.tuning.multipliers import Tuner
from components.charts.tuning import objective_chart, path_chart
from components.clamping.arrange import depth, heading
from components.clamping.sliders import Arrangement, draw_sliders
from components.messages import showcase_off
from components.pictures import show_chart
from components.progress_bar import show_progress
from components.tuning.aim import draw_form
from components.tuning.picking import draw_chart, draw_table
from components.tuning.rows import move_rows, move_table
from components.tuning.tuning import Job, Tuning, tune_on
from components.tuning.working import (
    OnPut,
    at_work,
    draw_chosen,
    draw_start,
    draw_stop,
    draw_winner,
)
from components.values import Work


class Hears(NamedTuple):
    """Whom the panel tells what was done."""

    on_moved: Callable[[Tuning], None]
    """A step was taken: the sliders stand elsewhere."""
    on_edit: Callable[[], None]
    """The user moved a slider."""
    on_open: Callable[[int], None]
    """A feature's page is wanted."""
    on_put: OnPut


def draw_multipliers(
    engine: Engine,
    board: Board,
    so_far: object,
    work: Work,
    tuner_of: Callable[[Job], Tuner],
    hears: Hears,
) -> None:
    """The form, the sliders beside their way, and the next step when it is asked for: `work` is
    wanted for a Job, and `tuner_of` gives the tuner that is at it. It is done here, so call it
    last; the page runs again after each step.
    """
    running = isinstance(work.wanted, Job) and not showcase.is_on()
    offered = draw_form(engine, board, disabled=running)
    known = so_far if isinstance(so_far, Tuning) else None
    controls = st.empty()
    if running:
        with controls:
            draw_stop(work, "multipliers_stop")
    elif not showcase_off():
        with controls:
            _draw_starts(work, offered, known)
    place = st.empty()
    if offered is None and known is None:
        st.info("Nothing is clamped. Put features on the board, or take the first of a ranking.")
        st.page_link("pages/search.py", label="Search features", icon=":material/search:")
        return
    left, right = st.columns([9, 14], gap="large")
    with left:
        _draw_sliders(engine, board, hears)
    with right:
        figures = st.container()
        with figures:
            _draw_tuning(known, None if running else hears.on_put)
    if isinstance(work.wanted, Job) and running:
        job = work.wanted
        with at_work(work, lambda: _draw_starts(work, offered, known, controls)):
            bar = place.progress(0.0, "Starting…")
            tuning = tune_on(
                engine,
                tuner_of(job),
                job,
                lambda progress: show_progress(bar, progress),
                on_stepped=hears.on_moved,
            )
            hears.on_moved(tuning)
            if tuning.found is not None:
                work.ask(None)
            st.rerun()


def _draw_starts(
    work: Work,
    job: Job | None,
    known: Tuning | None,
    place: DeltaGenerator | None = None,
) -> None:
    """To begin, and to go on with what was stopped."""
    with (place or st).container(horizontal=True, vertical_alignment="center"):
        going_on = known is not None and not known.found and known.moves
        if job is not None:
            label = "Start from here" if going_on else "Start"
            draw_start(work, job, label, "multipliers_start_from", primary=not going_on)
        if known is not None and going_on:
            last = known.moves[-1].step
            draw_start(work, known.job, f"Go on after step {last}", "multipliers_go_on")


def _draw_sliders(engine: Engine, board: Board, hears: Hears) -> None:
    if not board.sliders:
        st.caption("The sliders come here when it starts.")
        return
    st.caption(heading(board, engine.preset_titles.get(board.setting()), depth(engine)))
    # One key for all steps: the sliders move where they are.
    looked_at = draw_sliders(
        board,
        engine.atlas.about,
        Arrangement(),
        "multipliers_sliders",
        hears.on_edit,
        engine.residual_unit,
    )
    if looked_at is not None:
        hears.on_open(looked_at)


def _draw_tuning(tuning: Tuning | None, on_put: OnPut | None) -> None:
    """Without `on_put` nothing can be chosen: while it runs, all is drawn again."""
    if tuning is None or not tuning.moves:
        st.caption("What the sliders forget and cost is drawn here, step by step.")
        return
    best = tuning.best
    chosen = best.step if best is not None and tuning.done else None
    if tuning.found is not None and on_put is not None and best is not None:
        title = (
            f"Chosen: step {best.step}" if best.step else "No step is better than where it began"
        )
        draw_winner(title, tuning.found, "multipliers_put_best", on_put)
    picked, place = _draw_path(tuning, chosen, on_put is not None)
    move = next((one for one in tuning.moves if one.step == picked), None)
    if move is not None and on_put is not None:
        with place:
            draw_chosen(f"Step {move.step}", move.half, move.setting, "multipliers_put", on_put)


def _draw_path(
    tuning: Tuning, chosen: int | None, can_pick: bool
) -> tuple[int | None, DeltaGenerator]:
    """Returns the step that is selected, if any, and the place for it, below the path."""
    rows = move_rows(tuning.moves)
    picked = draw_chart(
        path_chart(rows, chosen),
        "Forget against retain accuracy of the selection half, step by step.",
        "step",
        f"multipliers_path_{len(rows)}" if can_pick else None,
    )
    first, stop = tuning.moves[0].half, tuning.moves[0].stop
    st.caption(
        f"Selection half, {first.forget.n} forget and {first.retain.n} retain questions. "
        "Square: without clamps. Down is forgotten, right is kept."
    )
    place = st.container()
    show_chart(
        objective_chart(rows, chosen),
        "multipliers_objective" if can_pick else None,
        alt="The objective on the selection half's last third, step by step.",
    )
    st.caption(
        f"The objective on the last third, {stop.forget.n} forget and {stop.retain.n} retain "
        "questions: how likely right answers to forget questions still are, plus the weight times "
        f"how far answers to retain questions move. {len(rows) - 1} of at most "
        f"{tuning.job.aim.steps} steps."
    )
    table = move_table(tuning.moves)
    columns: dict[str, Any] = {
        "step": st.column_config.NumberColumn("Step", format="%d", width=60),
        "objective": st.column_config.NumberColumn("Objective", format="%.4f", width=90),
        "forget": st.column_config.TextColumn("Forget", width=180),
        "retain": st.column_config.TextColumn("Retain", width=180),
        "method": st.column_config.TextColumn("When they act", width=110),
    }
    if not table["method"].any():
        del columns["method"]
    key = f"multipliers_table_{len(table)}" if can_pick else None
    selected = draw_table(table, columns, "step", key, most=260)
    return picked if selected is None else selected, place
