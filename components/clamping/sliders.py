"""The clamped features, each with its slider.

One element for all of them (sliders.js), drawn from the board.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

import streamlit as st

from backend.interventions.board import MAX_MASTER, Board, Slider
from backend.interventions.clamps import MAX_VALUE, unit_of, value_of
from components.element import element

LOW, HIGH = -15.0, 2.0
"""Range of a slider, in multiples of the feature's maximum activation; 0 ablates."""
STEP = 0.25
START = -5.0
"""Where a new slider stands: ablation and small negative values change next to nothing (Farrell et
al. 2024).
"""

About = Callable[[int], dict[str, Any]]
"""Feature -> name, max_act, fires_forget, fires_retain."""
CameFrom = Callable[[int], float | None]
"""Feature -> the raw value it stood at when it came onto the board; None where none is known."""
ORDERS: dict[str, Callable[[Slider, dict[str, Any]], Any]] = {
    "as added": lambda slider, about: 0,
    "number": lambda slider, about: slider.feature,
    "name": lambda slider, about: about["name"].lower(),
    "strongest": lambda slider, about: slider.value / unit_of(about["max_act"]),
    "most forget questions": lambda slider, about: -about["fires_forget"],
    "most retain questions": lambda slider, about: -about["fires_retain"],
}
GROUPS: dict[str, Callable[[Slider, dict[str, Any]], str]] = {
    "none": lambda slider, about: "",
    "on or off": lambda slider, about: "On" if slider.on else "Off",
    "what it fires on": lambda slider, about: fires_mostly_on(about),
}

_sliders = element(__file__, "clamp_sliders", parts="parts.js")


UNITS = ("x max", "raw", "x residual")
"""Multiples of each feature's maximum; raw activation units; multiples of the residual's median
length, by the length of the feature's direction.
"""


class Arrangement(NamedTuple):
    """How the sliders are shown."""

    unit: str = "x max"
    """Of UNITS."""
    order: str = "as added"
    """Of ORDERS."""
    group: str = "none"
    """Of GROUPS."""


def draw_sliders(
    board: Board,
    about: About,
    arrangement: Arrangement,
    key: str,
    on_edit: Callable[[], None],
    residual_unit: Callable[[int], float],
    came_from: CameFrom | None = None,
) -> int | None:
    """Draw the board. Returns the feature whose page the user wants to see, if any.

    `on_edit` is called when the user changed something: `edited` then says to what. A new `key`
    draws all afresh. `residual_unit`: raw units of a feature that add a vector as long as the
    residual. A slider is reset to where it `came_from`; START times its maximum if that is not
    known.
    """
    result = _sliders(
        key=key,
        on_edit_change=on_edit,
        on_open_change=lambda: None,
        data={
            "seen": (_edit(key) or {}).get("number", 0),
            "master": board.master,
            "max_master": MAX_MASTER,
            "solo": board.solo,
            "unit": arrangement.unit,
            "low": LOW,
            "high": HIGH,
            "step": STEP,
            "groups": [
                {
                    "title": title,
                    "rows": [_row(s, about(s.feature), residual_unit, came_from) for s in sliders],
                }
                for title, sliders in arranged(board.sliders, about, arrangement)
            ],
        },
    )
    return result.open if result.open in board.features() else None


def edited(board: Board, key: str) -> Board:
    """The board as the user left it on the page.

    A message that does not fit the board changes nothing.
    """
    edit = _edit(key)
    if edit is None:
        return board
    try:
        rows = {int(feature): (float(value), bool(on)) for feature, value, on in edit["rows"]}
        master, solo = float(edit["master"]), edit["solo"]
    except (KeyError, TypeError, ValueError):
        return board
    possible = all(abs(value) <= MAX_VALUE / MAX_MASTER for value, _ in rows.values())
    if not possible or not 0 <= master <= MAX_MASTER:
        return board
    kept = tuple(
        replace(s, value=rows[s.feature][0], on=rows[s.feature][1])
        for s in board.sliders
        if s.feature in rows
    )
    return replace(board, sliders=kept, master=master, solo=solo if solo in rows else None)


def arranged(
    sliders: Sequence[Slider], about: About, arrangement: Arrangement
) -> list[tuple[str, list[Slider]]]:
    """The sliders in their groups, (title, sliders); the order is stable, groups come by title."""

    def rank(slider: Slider) -> Any:
        return ORDERS[arrangement.order](slider, about(slider.feature))

    def title(slider: Slider) -> str:
        return GROUPS[arrangement.group](slider, about(slider.feature))

    ordered = sorted(sorted(sliders, key=rank), key=title)
    return [(name, list(members)) for name, members in groupby(ordered, key=title)]


def fires_mostly_on(about: dict[str, Any]) -> str:
    """In words, on which role's questions the feature fires more."""
    forget, retain = about["fires_forget"], about["fires_retain"]
    if forget + retain == 0:
        return "Fires on no question"
    if retain == 0:
        return "Fires on forget questions alone"
    return f"Mostly on {'forget' if forget > retain else 'retain'} questions"


def new_slider(feature: int, max_act: float) -> Slider:
    """A feature the user has just chosen to clamp."""
    return Slider(feature, value_of(START, max_act))


def reset(board: Board, about: About, came_from: CameFrom | None = None) -> Board:
    """Every slider where it `came_from`, or as a new one; on, and the master at 1."""
    return Board(
        tuple(
            Slider(s.feature, _first_value(s.feature, about(s.feature)["max_act"], came_from))
            for s in board.sliders
        ),
        method=board.method,
    )


def _first_value(feature: int, max_act: float, came_from: CameFrom | None) -> float:
    """In raw units."""
    known = None if came_from is None else came_from(feature)
    return value_of(START, max_act) if known is None else known


def _edit(key: str) -> dict[str, Any] | None:
    edit = st.session_state.get(key, {}).get("edit")
    return edit if isinstance(edit, dict) else None


def _row(
    slider: Slider,
    about: dict[str, Any],
    residual_unit: Callable[[int], float],
    came_from: CameFrom | None,
) -> dict[str, Any]:
    return {
        "feature": slider.feature,
        "value": slider.value,
        "on": slider.on,
        "name": about["name"],
        "unit": unit_of(about["max_act"]),
        "residual": residual_unit(slider.feature),
        "reset": _first_value(slider.feature, about["max_act"], came_from),
        "forget": about["fires_forget"],
        "retain": about["fires_retain"],
    }
