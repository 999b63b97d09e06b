"""What others published of a study's cells: results on the same questions, at the same setting."""

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from backend.data.published import published_points
from backend.studies.schema import Study

SETTING = re.compile(
    r"(?P<sae>\S+)(?: \(feature (?P<feature>\d+)\))?, (?P<n>\d+) features? at (?P<value>-?[\d.]+)"
    r", retain threshold (?P<threshold>[\d.]+)"
)
"""As backend.data.published writes the settings of Farrell et al. 2024."""


def beside(study: Study, cells: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Cell -> name, source, forget and retain accuracy in percent and loss_added of the published
    result at its setting, of those there is one for. `cells` as backend.studies.scores.by_cell
    gives them.
    """
    found = {}
    for place in study.places.values():
        mine = cells[cells["setup"] == place.setup.name]
        for point in published_points(place.setup).itertuples():
            for cell in _at(mine, str(point.setting)):
                loss = float(point.loss_added)
                found[cell] = {
                    "name": point.name,
                    "source": point.source,
                    "forget": float(point.forget),
                    "retain": float(point.retain),
                    "loss_added": None if loss != loss else loss,
                }
    return found


def _at(cells: pd.DataFrame, setting: str) -> Iterator[str]:
    """The cells at a published setting of clamps by the paper's method, in raw units."""
    if (match := SETTING.fullmatch(setting)) is None:
        return
    said = match.groupdict()
    same = (
        (cells["sae"] == said["sae"])
        & (cells["unit"] == "raw")
        & (cells["method"] == "")
        & (cells["features"] == int(said["n"]))
        & (cells["strength"] == float(said["value"]))
    )
    if said["feature"] is None:
        same &= cells["ranker"] == "paper"
        same &= cells["ranker_setting"] == float(said["threshold"])
    else:
        same &= cells["clamps"].str.startswith(f"{said['feature']}:")
    yield from cells.loc[same, "cell"]
