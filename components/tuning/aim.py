"""What is tuned, from where, and how: the form of the multipliers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from backend.engine.engine import Engine
from backend.features.rankers import RANKERS
from backend.interventions.board import Board
from backend.reading.ranked import ranked
from backend.tuning.multipliers import BEGAN, HIGH, LOW, MOST_FEATURES, Aim
from components.messages import show_problem
from components.progress_bar import show_progress
from components.tuning.tuning import Job, first_board

ON_BOARD, RANKED = "those on the board", "the first of a ranking"
N = 100
START = -3.0
"""Multiples at which the sliders of a ranking begin."""


def draw_form(engine: Engine, board: Board, *, disabled: bool) -> Job | None:
    """What would be tuned; None where there are no sliders to begin with."""
    default = Aim()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        what = st.segmented_control(
            "Features",
            [ON_BOARD, RANKED],
            default=ON_BOARD if board.sliders else RANKED,
            key="multipliers_what",
            persist_state="session",
            required=True,
            disabled=disabled,
        )
        first = _draw_ranking(disabled) if what == RANKED else None
        weight = st.number_input(
            "Weight of retain",
            0.0,
            1000.0,
            default.retain_weight,
            0.5,
            key="multipliers_weight",
            persist_state="session",
            width=140,
            disabled=disabled,
            help="How many points of forgetting a point of retain is worth.",
        )
        rate = st.number_input(
            "Learning rate",
            0.01,
            5.0,
            default.rate,
            0.1,
            key="multipliers_rate",
            persist_state="session",
            width=140,
            disabled=disabled,
            help="About how far a slider moves in a step, in multiples of its maximum.",
        )
        steps = st.number_input(
            "Steps, at most",
            1,
            200,
            default.steps,
            key="multipliers_steps",
            persist_state="session",
            width=130,
            disabled=disabled,
        )
    aim = replace(default, retain_weight=float(weight), rate=float(rate), steps=int(steps))
    if first is not None:
        features = _first_of(engine, first.ranker, first.n)
        max_act = engine.atlas.table["max_act"]
        begun = first_board(
            features, first.multiple, lambda f: float(max_act.iloc[f]), board.method
        )
        return Job(begun, aim) if features else None
    own = replace(board, rival=None)
    return Job(own, aim, BEGAN) if own.setting().clamps else None


class Ranked(NamedTuple):
    """The first n of a ranking, and the multiple at which their sliders begin."""

    ranker: str
    n: int
    multiple: float


def _draw_ranking(disabled: bool) -> Ranked:
    ranker = st.selectbox(
        "Ranking",
        list(RANKERS),
        list(RANKERS).index("paper"),
        format_func=lambda name: RANKERS[name].title,
        key="multipliers_ranker",
        persist_state="session",
        width=230,
        disabled=disabled,
    )
    n = st.number_input(
        "How many",
        1,
        MOST_FEATURES,
        N,
        key="multipliers_n",
        persist_state="session",
        width=110,
        disabled=disabled,
    )
    multiple = st.number_input(
        "Beginning at, times maximum",
        LOW,
        HIGH,
        START,
        0.5,
        "%.1f",
        key="multipliers_start",
        persist_state="session",
        width=190,
        disabled=disabled,
    )
    return Ranked(ranker, int(n), float(multiple))


def _first_of(engine: Engine, ranker: str, n: int) -> Sequence[int]:
    """None where the ranking leaves nothing in, which is said."""
    place = st.empty()
    with show_problem():
        features = ranked(
            engine, ranker, n, on_progress=lambda progress: show_progress(place, progress)
        )
        place.empty()
        return features
    return []
