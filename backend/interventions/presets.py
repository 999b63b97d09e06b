"""Clamp sets that a user can start from: shipped ones, the paper's grid, the user's own."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel, ConfigDict

from backend import showcase
from backend.errors import BadInput
from backend.interventions.board import Board, read_link, write_link
from backend.interventions.edit import Clamp, Clamps, clamp_set
from backend.own_files import changing, delete, read, read_to_change
from backend.rim import whole
from backend.store import key, write_json


class Preset(NamedTuple):
    title: str
    n_features: int
    retain_below: float
    """Only features that fire on a smaller share of the retain corpus' tokens."""
    min_selectivity: float | None
    """Only features whose log2 ratio of forget to retain density is at least this."""
    at_most_questions: int | None
    """Only features that fire on no more retain questions of the selection half; None looks at no
    question.
    """
    multiple: float
    """Clamped to this many times each feature's own maximum activation; 0 ablates."""
    rule: str
    """What it takes, in words that go on after how many that is."""
    on_demo: str = ""
    """What is known of it on the demo alone."""


PRESETS = {
    "forget-biology": Preset(
        title="Forget biology",
        n_features=50,
        retain_below=0.01,
        min_selectivity=1.5,
        at_most_questions=6,
        multiple=-3.0,
        rule=(
            "those that fire on the most tokens of the text to forget, "
            "of those that fire at least 2.8 times as often there as on other text, "
            "on fewer than 1 % of the other tokens, "
            "and on at most 6 of the retain questions in the selection half. "
            "The held-out half was not looked at. "
            "Clamped to −3 times their maxima."
        ),
        on_demo=(
            "The edit is then still shorter than the residual, and a random direction in its place "
            "does half as much."
        ),
    ),
    "ablate-biology": Preset(
        title="Ablate the same features",
        n_features=50,
        retain_below=0.01,
        min_selectivity=1.5,
        at_most_questions=6,
        multiple=0.0,
        rule=(
            "those of Forget biology, set to 0: the paper's finding that ablation does not forget."
        ),
    ),
    "too-strong": Preset(
        title="Too much",
        n_features=100,
        retain_below=0.01,
        min_selectivity=None,
        at_most_questions=None,
        multiple=-20.0,
        rule=(
            "the first of the paper's sparsity ranking as it stands (fewer than 1 % of the other "
            "tokens), far below zero: general damage."
        ),
    ),
}


def in_words(preset: Preset, n: int, demo: bool = False) -> str:
    """How many features the rule admits on this setup, n, and the rule."""
    count = f"{n} feature{'' if n == 1 else 's'}" if n else "No feature"
    if n < preset.n_features:
        fewer = "no more" if n else "none"
        count += f", as the rule admits {fewer} of the {preset.n_features} wanted on this setup"
    return f"{count}: {preset.rule}" + (f" {preset.on_demo}" if demo and preset.on_demo else "")


def forget_features(
    features: pd.DataFrame,
    n: int,
    retain_below: float,
    min_selectivity: float | None = None,
    at_most_questions: int | None = None,
) -> list[int]:
    """The n features that fire on the most forget tokens, of those the rules admit.

    With neither of the last two rules this is the sparsity ranking of Farrell, Lau and Conmy (2024,
    section 4). On so little text it lets through common words that happen to stand in biology a
    little more often (the rule on selectivity stops those), and features of the question form, rare
    in prose but in every question (the rule on questions does).
    """
    kept = features[(features["retain_density"] < retain_below) & (features["forget_density"] > 0)]
    if min_selectivity is not None:
        kept = kept[kept["selectivity"] >= min_selectivity]
    if at_most_questions is not None:
        kept = kept[kept["fires_retain_selection"] <= at_most_questions]
    best_first = kept.sort_values(["forget_density", "feature"], ascending=[False, True])
    return [int(feature) for feature in best_first["feature"].head(n)]


def make_preset(name: str, features: pd.DataFrame) -> Clamps:
    """Raises BadInput for an unknown name."""
    if name not in PRESETS:
        raise BadInput(f"There is no preset '{name}'. Use one of: {', '.join(PRESETS)}.")
    preset = PRESETS[name]
    max_act = features.set_index("feature")["max_act"]
    chosen = forget_features(
        features,
        preset.n_features,
        preset.retain_below,
        preset.min_selectivity,
        preset.at_most_questions,
    )
    return clamp_set(Clamp(f, round(preset.multiple * float(max_act[f]), 1) + 0.0) for f in chosen)


GRID_N = (10, 20, 50)
GRID_C = (20, 25, 50, 100, 200)
"""Farrell, Lau and Conmy 2024 and SAEBench's unlearning evaluation: how many features, and c of the
clamp at -c, in raw units.
"""


def grid_preset(ranked: Sequence[int], n: int, c: float) -> Clamps:
    """The first n of a ranking, each clamped at -c.

    Raises BadInput for a ranking that leaves no feature in.
    """
    if not ranked:
        raise BadInput("This ranking leaves no feature in. Choose another.")
    return clamp_set(Clamp(feature, -c + 0.0) for feature in ranked[:n])


MAX_NAME = 60
"""Characters of a name."""
MAX_SAVED = 500


class _Saved(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    name: str
    link: dict[str, str]


class SavedPresets:
    """The user's own boards under names, one sealed file each.

    Sliders that are off, and the master, included.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, name: str, board: Board) -> None:
        """Keep the board under this name, in place of what had it before.

        Raises BadInput for an empty or over-long name, or an empty board; Unavailable if the disk
        will not have it.
        """
        showcase.refuse()
        name = whole(name, "The name").strip()
        if not name or len(name) > MAX_NAME:
            raise BadInput(f"A preset needs a name of 1 to {MAX_NAME} characters.")
        if not board.sliders:
            raise BadInput("Nothing is clamped: there is nothing to keep as a preset.")
        path = self._path(name)
        with changing(self._folder):
            if len({*self._folder.glob("*.json")} - {path}) >= MAX_SAVED:
                raise BadInput(f"There are {MAX_SAVED} presets already. Delete one first.")
            read_to_change(path, partial(self._parse, path))
            write_json(path, {"name": name, "link": write_link(board)})

    def delete(self, name: str) -> None:
        """Raises Unavailable if the disk will not have it."""
        showcase.refuse()
        delete(self._path(name))

    def all(self, d_sae: int) -> dict[str, Board]:
        """Name -> board, by name.

        A damaged file is set aside, and a board of features that the SAE does not have passed over.
        """
        found: dict[str, Board] = {}
        for path in self._folder.glob("*.json"):
            if saved := read(path, partial(self._parse, path)):
                with suppress(BadInput):
                    found[saved.name] = read_link(saved.link, d_sae)
        return dict(sorted(found.items()))

    def _parse(self, path: Path, content: bytes) -> _Saved:
        """Raises ValueError for what is no preset, or has another name than its file."""
        saved = _Saved.model_validate_json(content)
        if self._path(saved.name) != path:
            raise ValueError(f"{path} is another's")
        return saved

    def _path(self, name: str) -> Path:
        return self._folder / f"{key({'name': name})}.json"
