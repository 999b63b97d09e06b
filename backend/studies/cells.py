"""The cells of a study: one setting asked for on one setup each, named by content."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from backend.errors import BadInput
from backend.evaluation.calibration import Ground, Rule
from backend.features.rankers import RANKERS
from backend.rim import kind
from backend.setups import Setup
from backend.store import key, sha256_of
from backend.studies.schema import MOST_CELLS, Against, Grid, Place, Study, Unit

FORMAT = 1
"""Raise when what is kept of a cell changes its meaning."""
PICKED = "picked"
"""What stands in the place of a ranking where features are named."""
HASHED_BYTES = 200_000_000
"""A larger file is known by its size and time."""


@dataclass(frozen=True)
class Cell:
    """Plain data: it travels to a worker as it is."""

    setup: str
    """The setup's name."""
    where: str
    """Where a worker finds it."""
    ranker: str = ""
    """Empty for a rival."""
    ranker_setting: float | None = None
    picked: tuple[int, ...] = ()
    features: int = 0
    """How many are asked for; a ranking may leave fewer in."""
    strength: float | None = None
    unit: Unit = "maximum"
    method: str = ""
    false_alarms: float | None = None
    rule: Rule = "quantile"
    on: Ground = "questions"
    rival: Against | None = None
    text_loss: bool = False
    key: str = ""
    """Of all the above but `where`, and of the setup's content."""

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "Cell":
        """From `plain`; lists may stand for tuples."""
        rival = plain["rival"]
        return cls(
            **{
                **plain,
                "picked": tuple(plain["picked"]),
                "rival": None if rival is None else Against(**rival),
            }
        )


def cells_of(study: Study) -> list[Cell]:
    """Every cell once, setup by setup in the order they are named, each setup's in the order of the
    grids.

    Raises BadInput for more than MOST_CELLS.
    """
    found: dict[str, Cell] = {}
    contents = {named: content_of(place.setup) for named, place in study.places.items()}
    for named, place in study.places.items():
        for grid in study.grids:
            if named not in grid.setups:
                continue
            for cell in _of_grid(grid, place):
                cell = replace(cell, text_loss=study.text_loss)
                made = replace(cell, key=_key(cell, contents[named]))
                found.setdefault(made.key, made)
                if len(found) > MOST_CELLS:
                    raise BadInput(
                        f"The study {study.name} has more than {MOST_CELLS:,} cells, the most that "
                        "are run. Leave some out."
                    )
    return list(found.values())


def _of_grid(grid: Grid, place: Place) -> Iterator[Cell]:
    """A grid's cells on one setup."""
    base = Cell(place.setup.name, place.where)
    for chosen in _chosen(grid, base):
        for when in grid.methods:
            for strength in grid.strengths:
                yield replace(
                    chosen,
                    strength=float(strength) + 0.0,
                    unit=grid.unit,
                    method=when.method,
                    false_alarms=when.false_alarms,
                    rule=when.rule,
                    on=when.on,
                )
    for against in grid.rivals:
        yield replace(base, rival=against)


def _chosen(grid: Grid, base: Cell) -> Iterator[Cell]:
    """Which features; the rest is left open."""
    for features in grid.picked:
        yield replace(base, ranker=PICKED, picked=features, features=len(features))
    for ranking in grid.rankers:
        dial = RANKERS[ranking.name].setting
        setting = ranking.setting
        if setting is None and dial is not None:
            setting = dial.default
        for n in grid.features:
            yield replace(
                base,
                ranker=ranking.name,
                ranker_setting=None if setting is None else float(setting),
                features=n,
            )


def _key(cell: Cell, content: str) -> str:
    said = {name: value for name, value in cell.plain().items() if name not in ("key", "where")}
    return key({"format": FORMAT, "content": content, **said})


def content_of(setup: Setup) -> str:
    """Of all that the setup says and that a figure can depend on: its files by content, its folders
    by the names, sizes and times of what lies in them.
    """
    # No figure depends on these; trained weights are named by their own content.
    bare = replace(setup, title="", name="", sae=replace(setup.sae, labels=None), rmu=None)
    return key({"setup": _content(bare)})


def _content(value: Any) -> Any:
    if is_dataclass(value):
        return {spec.name: _content(getattr(value, spec.name)) for spec in fields(value)}
    if isinstance(value, Path):
        return _content_of_path(value)
    return [_content(item) for item in value] if isinstance(value, tuple) else value


def _content_of_path(path: Path) -> Any:
    if kind(path) == "file":
        state = path.stat()
        small = state.st_size <= HASHED_BYTES
        return sha256_of(path) if small else [path.name, state.st_size, state.st_mtime_ns]
    states = [(file.name, file.stat()) for file in sorted(path.rglob("*")) if file.is_file()]
    return [[name, state.st_size, state.st_mtime_ns] for name, state in states]


def in_words(cell: Cell) -> str:
    """What a cell is, but for its setup, in a few words for a terminal."""
    if (rival := cell.rival) is not None:
        of = "" if rival.of is None else f" {rival.of[:30]}"
        return f"{rival.kind}{of}" + ("" if rival.strength == 1 else f" x {rival.strength:g}")
    setting = "" if cell.ranker_setting is None else f" {cell.ranker_setting:g}"
    unit = "x" if cell.unit == "maximum" else ""
    method = f" [{cell.method}]" if cell.method else ""
    tau = "" if cell.false_alarms is None else f" tau at {cell.false_alarms:g}"
    picked = f" {','.join(map(str, cell.picked[:3]))}" if cell.picked else ""
    return (
        f"{cell.ranker}{setting}{picked}, {cell.features} at {cell.strength:g}{unit}{method}{tau}"
    )
