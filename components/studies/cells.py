"""The cells of a study: one row each, with the figures of one half; places on two axes; fronts.
Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from backend.errors import BadRival
from backend.features.rankers import RANKERS
from backend.interventions.method import in_words, parse_method
from backend.interventions.rival import in_words as rival_in_words
from backend.interventions.rival import parse_rival
from backend.studies.scores import by_cell
from backend.wording import multiple, with_minus

AXES = {
    "setup": "Setup",
    "block": "After block",
    "ranking": "Ranking",
    "features": "Features",
    "strength": "Strength",
    "method": "When they act",
}
"""Columns of `cells_of`, by title."""
ROLES = ("forget", "retain")


class Figure(NamedTuple):
    """What is shown of a cell."""

    title: str
    role: str
    column: str
    ramp: str
    """Of components.charts.palette.RAMPS."""


SHOWN = (
    Figure("Forget accuracy", "forget", "accuracy", "forget"),
    Figure("Retain accuracy", "retain", "accuracy", "retain"),
    Figure("Change of forget", "forget", "change_pp", "change"),
    Figure("Change of retain", "retain", "change_pp", "change"),
)


def cells_of(table: pd.DataFrame, half: str) -> pd.DataFrame:
    """One row a finished cell, in their order: what it is and its figures over that half, as
    backend.studies.scores.by_cell has them; its axes as they are read (AXES, and `*_order` for how
    they are sorted); and `forget_chosen_by`, `retain_chosen_by`, its changes on the selection half.
    """
    cells, selection = by_cell(table, half), by_cell(table, "selection").set_index("cell")
    cells["ranking"] = [*map(_ranking, cells["ranker"], cells["ranker_setting"])]
    cells["method_text"] = cells["method"]
    cells["method"] = [*map(_method, cells["method"], cells["false_alarms"], cells["rival"])]
    for axis in ("block", "features", "strength"):
        cells[f"{axis}_order"] = cells[axis].abs()
    cells["block"] = [str(block + 1) for block in cells["block"]]
    cells["features"] = [f"{n:,}" if n else "" for n in cells["features"]]
    cells["strength"] = [*map(_strength, cells["strength"], cells["unit"])]
    for role in ROLES:
        cells[f"{role}_chosen_by"] = (
            selection[f"{role}_change_pp"].reindex(cells["cell"]).to_numpy()
        )
    return cells


def values_of(cells: pd.DataFrame, axis: str) -> list[str]:
    """The values an axis has, numbers by size."""
    by = f"{axis}_order"
    there = cells[cells["rival"] == ""]
    if by in there:
        there = there.sort_values(by, kind="stable")
    return list(dict.fromkeys(there[axis]))


def varying(cells: pd.DataFrame) -> list[str]:
    """The axes along which clamps differ; of setup and block one alone where it tells the other."""
    axes = [axis for axis in AXES if len(values_of(cells, axis)) > 1]
    pairs = cells[cells["rival"] == ""].drop_duplicates(["setup", "block"])
    if {"setup", "block"} <= {*axes}:
        if not pairs["block"].duplicated().any():
            axes.remove("setup")
        elif not pairs["setup"].duplicated().any():
            axes.remove("block")
    return axes


def at(cells: pd.DataFrame, fixed: Mapping[str, str]) -> pd.DataFrame:
    """The cells of clamps whose axes have these values."""
    mine = cells["rival"] == ""
    for axis, value in fixed.items():
        mine &= cells[axis] == value
    return cells[mine]


def best_over(cells: pd.DataFrame, axes: Sequence[str], cost_pp: float) -> pd.DataFrame:
    """For each place on the axes the cell that forgets most on the selection half, of those that
    cost at most so many points there, and of equals the one that costs least; a place where all
    cost more has none.
    """
    kept = cells[cells["retain_chosen_by"] >= -cost_pp]
    ranked = kept.sort_values(
        ["forget_chosen_by", "retain_chosen_by"], ascending=[True, False], kind="stable"
    )
    return ranked.drop_duplicates(list(axes)).sort_index()


def on_front(cells: pd.DataFrame) -> pd.Series:
    """Whether no other cell forgets as much and keeps as much on the selection half."""
    ranked = cells.sort_values(
        ["retain_chosen_by", "forget_chosen_by"], ascending=[False, True], kind="stable"
    )
    forgets = ranked["forget_chosen_by"]
    before = forgets.cummin().shift(fill_value=float("inf"))
    return (forgets < before).reindex(cells.index)


def group_of(cells: pd.DataFrame, axis: str) -> pd.Series:
    """What a cell's line is called: its value on the axis, or its rival."""
    return cells[axis].where(cells["rival"] == "", cells["rival"].map(rival_name))


def rival_name(text: str) -> str:
    try:
        rival = parse_rival(text)
    except BadRival:
        return text
    return "" if rival is None else rival_in_words(rival)


def _ranking(ranker: str, setting: float) -> str:
    title = RANKERS[ranker].title if ranker in RANKERS else ranker
    return title if pd.isna(setting) else f"{title}, {setting:g}"


def _strength(strength: float, unit: str) -> str:
    if pd.isna(strength):
        return ""
    return multiple(strength) if unit == "maximum" else f"{with_minus(f'{strength:g}')} raw"


def _method(text: str, false_alarms: float, rival: str) -> str:
    """A gate whose tau was found for each setting by itself is called by its rate."""
    if rival:
        return ""
    method = parse_method(text)
    if method.gate is None or pd.isna(false_alarms):
        return in_words(method) or "always"
    others = in_words(replace(method, gate=None))
    gate = f"gate {method.gate.kind}, {100 * false_alarms:g} % false alarms"
    return f"{gate}, {others}" if others else gate
