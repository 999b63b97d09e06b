"""Search settings: which ranking, how many, how strong, behind which gate, all at once."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import showcase
from backend.engine.engine import Engine
from backend.experiments.halves import COST_PP
from backend.features.rankers import RANKERS
from backend.interventions.method import GateKind
from backend.tuning.search import front, own_settings
from backend.tuning.space import SEEDS, Space
from components.charts.front import tried_chart
from components.charts.palette import GATES
from components.clamping.when import KINDS, Kind
from components.messages import showcase_off
from components.tuning.picking import draw_chart, draw_table
from components.tuning.rows import tried_rows, tried_table
from components.tuning.searching import Job, Searching, search_on
from components.tuning.working import (
    Counted,
    OnPut,
    Redrawn,
    at_work,
    draw_chosen,
    draw_start,
    draw_stop,
    draw_winner,
)
from components.values import Work

N = 60
MOST = 1000
MOST_COST = 50.0


def draw_search(
    engine: Engine,
    so_far: object,
    work: Work,
    on_tried: Callable[[Searching], None],
    on_put: OnPut,
) -> None:
    """The form, what was tried, and the rest when it is asked for. `so_far` is what `on_tried` was
    last called with; `work` is wanted for a Job. It is done here, so call it last.
    """
    job = _draw_form(engine, isinstance(work.wanted, Job) and not showcase.is_on())
    known = so_far if isinstance(so_far, Searching) else None
    running = isinstance(work.wanted, Job) and not showcase.is_on()
    controls = st.empty()
    if running:
        with controls:
            draw_stop(work, "search_stop")
    elif not showcase_off():
        with controls:
            _draw_start(work, job, known)
    bar, figures = st.empty(), st.empty()
    with figures.container():
        _draw(known, None if running else on_put)
    if isinstance(work.wanted, Job) and running:
        with at_work(work, lambda: _draw_start(work, job, known, controls)):
            _run(engine, work, work.wanted, bar, figures, on_tried)
            work.ask(None)
            st.rerun()


def _draw_form(engine: Engine, disabled: bool) -> Job | None:
    """What would be searched; None where nothing is left to choose from."""
    default = Space()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = st.number_input(
            "Settings to try",
            1,
            MOST,
            N,
            10,
            key="search_n",
            persist_state="session",
            width=130,
            disabled=disabled,
        )
        cost = st.number_input(
            "Cost limit, points of retain",
            0.0,
            MOST_COST,
            COST_PP,
            0.5,
            "%.1f",
            key="search_cost",
            persist_state="session",
            width=190,
            disabled=disabled,
            help="Points of the selection half's retain questions that the chosen setting may "
            "cost.",
        )
        seeded = st.toggle(
            "Begin with settings of your own",
            True,
            key="search_seeded",
            persist_state="session",
            disabled=disabled,
            help=f"The best {SEEDS} of what you tried with clamps, by the selection half, come "
            "first.",
        )
    rankers = st.pills(
        "Rankings",
        list(RANKERS),
        selection_mode="multi",
        default=list(default.rankers),
        format_func=lambda name: RANKERS[name].title,
        key="search_rankers",
        persist_state="session",
        disabled=disabled,
    )
    kinds: list[Kind] = st.pills(
        "When they act",
        list(KINDS),
        selection_mode="multi",
        default=[_kind(gate) for gate in default.gates],
        format_func=KINDS.__getitem__,
        key="search_gates",
        persist_state="session",
        disabled=disabled,
    )
    if not rankers or not kinds:
        st.info("Choose at least one ranking, and at least one time to act.")
        return None
    space = Space(
        rankers=tuple(name for name in RANKERS if name in rankers),
        gates=tuple(_gate(kind) for kind in KINDS if kind in kinds),
        cost_pp=float(cost),
    )
    return Job(space, int(n), tuple(own_settings(engine, space.cost_pp)) if seeded else ())


def _kind(gate: GateKind | None) -> Kind:
    return "none" if gate is None else gate


def _gate(kind: Kind) -> GateKind | None:
    return None if kind == "none" else kind


def _draw_start(
    work: Work, job: Job | None, known: Searching | None, place: DeltaGenerator | None = None
) -> None:
    if job is None:
        return
    with (place or st).container(horizontal=True, vertical_alignment="center"):
        if known is None or known.job.space != job.space or not known.tried:
            draw_start(work, job, "Start", "search_start")
            return
        if len(known.tried) < job.n or known.found is None:
            draw_start(work, job, "Go on", "search_start")
        draw_start(work, job._replace(anew=True), "Start anew", "search_anew", primary=False)


def _run(
    engine: Engine,
    work: Work,
    job: Job,
    place: DeltaGenerator,
    figures: DeltaGenerator,
    on_tried: Callable[[Searching], None],
) -> None:
    bar = Counted(place)
    redrawn = Redrawn[Searching](figures, lambda searching: _draw(searching, None))
    for searching in search_on(engine, job, bar.on_partial, bar.on_wait):
        on_tried(searching)
        if searching.tried:
            work.ask(job._replace(anew=False))  # a rerun goes on with what is there now
        redrawn.show(searching)
        n = len(searching.tried)
        if n < job.n:
            bar.at(f"Tried {n} of {job.n} settings", n, job.n)
        else:
            bar.at("The chosen setting on all questions, the held-out half among them", 0, 1)


def _draw(searching: Searching | None, on_put: OnPut | None) -> None:
    """Without `on_put` nothing can be chosen: while it grows, it is drawn again."""
    if searching is None or not searching.tried:
        return
    cost, chosen = searching.job.space.cost_pp, searching.chosen
    if searching.found is not None and chosen is not None and on_put is not None:
        draw_winner(f"Chosen: {chosen.words}", searching.found, "search_put_best", on_put)
    elif chosen is None and on_put is not None:
        st.info(
            f"Each of the {len(searching.tried)} settings tried costs more than {cost:g} points of "
            "the retain questions, so none is chosen. Click a dot to take one all the same."
        )
    picked, place = _draw_tried(searching, on_put is not None)
    one = next((one for one in searching.tried if one.number == picked), None)
    if one is not None and on_put is not None:
        with place:
            draw_chosen(f"{one.number}: {one.words}", one.half, one.setting, "search_put", on_put)


def _draw_tried(searching: Searching, can_pick: bool) -> tuple[int | None, DeltaGenerator]:
    """Returns the number of the setting that is selected, if any, and the place for it, between
    chart and table.
    """
    tried, cost = searching.tried, searching.job.space.cost_pp
    on_front = front(tried)
    half = tried[0].half
    limit = 100 * half.retain.baseline_accuracy - cost
    marks = {KINDS[kind]: mark for kind, mark in GATES.items()}
    rows = tried_rows(tried, on_front, searching.chosen)
    picked = draw_chart(
        tried_chart(
            rows,
            marks,
            limit,
            f"costs {cost:g} points",
            "best so far" if searching.found is None else "chosen",
        ),
        "Every setting tried: retain accuracy across, forget accuracy up, selection half.",
        "number",
        f"search_chart_{len(tried)}" if can_pick else None,
    )
    st.caption(
        f"{len(tried)} settings tried, each over {half.forget.n} forget and {half.retain.n} retain "
        "questions of the selection half. Lower and further right is better: steps join those "
        "that no other beats. Filled: what forgets most within the limit, which is dashed."
    )
    place = st.container()
    table = tried_table(tried, on_front)
    columns = {
        "number": st.column_config.NumberColumn("#", format="%d", width=60),
        "front": st.column_config.CheckboxColumn("Front", width=60),
        "setting": st.column_config.TextColumn("Setting"),
        "forget": st.column_config.TextColumn("Forget", width=190),
        "retain": st.column_config.TextColumn("Retain", width=190),
    }
    key = f"search_table_{len(table)}" if can_pick else None
    selected = draw_table(table, columns, "number", key)
    return picked if selected is None else selected, place
