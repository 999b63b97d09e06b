"""The stage's one line of controls (bar.js): settings to step through, the master slider, the way
back.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import streamlit as st

from backend.interventions.board import MAX_MASTER, Board
from components.element import element

KEY = "stage_bar"
_bar = element(__file__, "stage_bar")


class Step(NamedTuple):
    """A setting to step to."""

    name: str
    board: Board


class Show(NamedTuple):
    """Where the stage stands."""

    first: Board
    """That with which it was opened."""
    now: Board
    at: int
    """Among the steps."""


def steps(first: Board, name: str, saved: Sequence[Step]) -> list[Step]:
    """What can be stepped through; the board the stage was opened with is the first, unless it is
    one of the saved.
    """
    if _place(first, saved) is not None:
        return list(saved)
    return [Step(name, first), *saved]


def show(before: Show | None, board: Board, saved: Sequence[Step]) -> Show:
    """Where the stage stands with this board, which came from elsewhere unless it is that of
    `before`.
    """
    if before is not None and before.now == board:
        return before
    return Show(board, board, _place(board, saved) or 0)


def _place(board: Board, saved: Sequence[Step]) -> int | None:
    setting = board.setting()
    return next((i for i, one in enumerate(saved) if one.board.setting() == setting), None)


def draw_bar(name: str, board: Board, at: int, n: int, on_edit: Callable[[], None]) -> bool:
    """The bar of a board that is the `at`-th of `n` steps. Returns whether the user wants to leave.

    `on_edit` is called when the user steps or slides: `edited` then says to what.
    """
    result = _bar(
        key=KEY,
        on_edit_change=on_edit,
        on_leave_change=lambda: None,
        data={
            "seen": (_edit() or {}).get("number", 0),
            "name": name,
            "at": at,
            "n": n,
            "master": board.master,
            "max_master": MAX_MASTER,
            "slides": bool(board.sliders) and board.rival is None,
        },
    )
    return bool(result.leave)


def edited(show: Show, steps: Sequence[Step]) -> Show:
    """Where the user left the stage."""
    return moved(show, steps, _edit() or {})


def moved(show: Show, steps: Sequence[Step], edit: dict[str, Any]) -> Show:
    """Where a message of the browser moves the stage; one that does not fit changes nothing."""
    at, master = edit.get("at"), edit.get("master")
    if isinstance(at, int) and not isinstance(at, bool) and 0 <= at < len(steps):
        show = show._replace(at=at, now=steps[at].board)
    if (
        isinstance(master, int | float)
        and not isinstance(master, bool)
        and 0 <= master <= MAX_MASTER
    ):
        show = show._replace(now=replace(show.now, master=float(master)))
    return show


def _edit() -> dict[str, Any] | None:
    edit = st.session_state.get(KEY, {}).get("edit")
    return edit if isinstance(edit, dict) else None
