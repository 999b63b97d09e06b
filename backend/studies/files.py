"""A study's TOML file, read and checked whole: an error names the file, the field and what would be
right.
"""

import math
import os.path
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from backend.errors import BadInput, BadSetup, ClampboardError
from backend.features.rankers import RANKERS, check_setting
from backend.interventions.clamps import MAX_CLAMPS, MAX_VALUE, clamp_set
from backend.interventions.method import parse_method
from backend.interventions.rival import KINDS, Rival, checked_rival, parse_rival
from backend.rim import kind, parse_toml, read_text, shown, whole
from backend.setups import load_setup
from backend.setups import shipped_names as shipped_setups
from backend.setups.tables import build
from backend.studies.schema import Against, Grid, Place, Ranking, Study, StudyFile, When

SHIPPED = Path(__file__).parent
MOST_BYTES = 200_000
MOST_MULTIPLE = 1e6
ROLES = ("forget", "retain")
"""What a study's table calls all sets of a role together."""
Problems = Iterator[str]
"""What is wrong, each beginning with the field's name."""


def shipped_names() -> set[str]:
    return {file.stem for file in SHIPPED.glob("*.toml")}


def load_study(wanted: str | Path) -> Study:
    """The study of that shipped name or TOML path.

    Raises BadInput for all that is wrong in it, BadSetup for a setup it names.
    """
    if str(wanted) in shipped_names():
        path = SHIPPED / f"{wanted}.toml"
    elif (path := Path(wanted)).suffix != ".toml":
        raise BadInput(
            f"There is no study {shown(str(wanted))}. Use one of: "
            f"{', '.join(sorted(shipped_names()))}; or give the path of a .toml file."
        )
    whole(str(path), "The name of the study's file")
    said = parse_toml(read_text(path, MOST_BYTES, "The study"), f"The study {path}")
    file, grids = _built(said, path)
    for where, grid in grids:
        for problem in _problems(grid):
            raise BadInput(f"The study {path}: {where}{problem}.")
    every = [grid for _, grid in grids]
    places = _places(every, path)
    return Study(path.stem, file.title, tuple(every), places, file.text_loss, file.score, said)


def _built(said: dict[str, Any], path: Path) -> tuple[StudyFile, list[tuple[str, Grid]]]:
    """The file, and each of its grids with the beginning of its fields' names."""
    axes = {spec.name for spec in fields(Grid)}
    table = _in_full(said)
    try:
        file = build(StudyFile, table, "", path)
        above = build(Grid, {name: table[name] for name in axes & set(table)}, "", path)
        grids = [
            (f"grid[{i}].", build(Grid, entry, f"grid[{i}]", path, _below(above, entry)))
            for i, entry in enumerate(table.get("grid", ()))
        ]
    except BadSetup as error:  # it speaks of setups, whose tables it was made for
        raise BadInput("The study" + str(error).removeprefix("The setup")) from error
    return file, grids or [("", above)]


def _below(above: Grid, entry: dict[str, Any]) -> Grid:
    """What a grid takes from above it: features are named there, or ranked, not both."""
    if "picked" in entry:
        return replace(above, rankers=(), features=())
    return replace(above, picked=()) if "rankers" in entry else above


def _in_full(table: dict[str, Any]) -> dict[str, Any]:
    """Rankings, methods and rivals that are given as texts, as the tables they stand for."""
    if not isinstance(table, dict):
        return table
    full = dict(table)
    for field, of_text in _TEXTS.items():
        if isinstance(table.get(field), list):
            full[field] = [of_text(e) if isinstance(e, str) else e for e in table[field]]
    if isinstance(table.get("grid"), list):
        full["grid"] = [_in_full(entry) for entry in table["grid"]]
    return full


def _rival_of(text: str) -> dict[str, Any]:
    """From a kind, or from a link's `rival=`; what is neither is refused by its kind."""
    try:
        rival = None if text in KINDS else parse_rival(text)
    except ClampboardError:
        rival = None
    return {"kind": text} if rival is None else asdict(rival)


_TEXTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "rankers": lambda text: {"name": text},
    "methods": lambda text: {"method": text},
    "rivals": _rival_of,
}


def _problems(grid: Grid) -> Problems:
    """All that is wrong in a grid, the first to be mended first."""
    if not grid.setups:
        yield "setups is empty; name a shipped setup, such as demo, or the path of a .toml file"
    clamping = grid.rankers or grid.features or grid.picked
    if not (clamping or grid.rivals):
        yield "rankers and features, picked, or rivals must say what is tried"
    if grid.picked and (grid.rankers or grid.features):
        yield "picked stands in the place of rankers and features; give one of the two"
    elif clamping and not grid.picked and not (grid.rankers and grid.features):
        missing = "features" if grid.rankers else "rankers"
        yield f"{missing} is empty; rankers say which features come first, features how many go"
    if clamping and not grid.strengths:
        yield "strengths is empty; give one, such as -3"
    if clamping and not grid.methods:
        yield 'methods is empty; "" is the paper\'s'
    for i, ranking in enumerate(grid.rankers):
        yield from _ranking(f"rankers[{i}]", ranking)
    for i, n in enumerate(grid.features):
        if not 1 <= n <= MAX_CLAMPS:
            yield f"features[{i}] must be a whole number from 1 to {MAX_CLAMPS:,}, not {shown(n)}"
    yield from _picked(grid)
    most = MOST_MULTIPLE if grid.unit == "maximum" else MAX_VALUE
    for i, strength in enumerate(grid.strengths):
        if not (math.isfinite(strength) and abs(strength) <= most):
            yield f"strengths[{i}] must be a number from {-most:g} to {most:g}, not {strength:g}"
    for i, when in enumerate(grid.methods):
        yield from _method(f"methods[{i}]", when)
    for i, against in enumerate(grid.rivals):
        yield from _rival(f"rivals[{i}]", against)


def _ranking(where: str, ranking: Ranking) -> Problems:
    if ranking.name not in RANKERS:
        yield f"{where} names {shown(ranking.name)}; rankings are {', '.join(RANKERS)}"
    elif ranking.setting is not None:
        yield from _refused(where, partial(check_setting, ranking.name, ranking.setting))


def _picked(grid: Grid) -> Problems:
    for i, features in enumerate(grid.picked):
        if not features:
            yield f"picked[{i}] is empty; name features by their numbers"
        yield from _refused(f"picked[{i}]", partial(clamp_set, [(n, 0.0) for n in features]))


def _method(where: str, when: When) -> Problems:
    yield from _refused(where, partial(parse_method, when.method))
    if when.false_alarms is not None and parse_method(when.method).gate is None:
        yield (
            f"{where} asks for false_alarms, which are a gate's; write its kind too, such as "
            'method = "rho:0"'
        )


def _rival(where: str, against: Against) -> Problems:
    if against.of is not None:
        rival = Rival(against.kind, against.of, against.strength)
        yield from _refused(where, partial(checked_rival, rival))


def _refused(where: str, check: Callable[[], object]) -> Problems:
    """What a check says."""
    try:
        check()
    except ClampboardError as error:
        yield f"{where}: {str(error).removesuffix('.')}"


def _places(grids: list[Grid], path: Path) -> dict[str, Place]:
    """The setups, by what the study calls them.

    Raises BadSetup for one that cannot be opened, BadInput for two of one name, or for a set whose
    name is a role's.
    """
    places: dict[str, Place] = {}
    for named in dict.fromkeys(name for grid in grids for name in grid.setups):
        if named in shipped_setups():
            where = named
        else:
            where = os.path.realpath(path.parent / named)
            if Path(named).suffix != ".toml" or kind(Path(where)) != "file":
                raise BadInput(
                    f"The study {path}: setups names {shown(named)}, which is neither a shipped "
                    f"setup ({', '.join(sorted(shipped_setups()))}) nor a .toml file that is there."
                )
        setup = load_setup(where)
        if any(place.setup.name == setup.name for place in places.values()):
            raise BadInput(
                f"The study {path}: two of its setups are called {setup.name}, and its table tells "
                "them apart by name. Rename one's file."
            )
        for source in setup.sets:
            if source.name in ROLES:
                raise BadInput(
                    f"The study {path}: the setup {setup.name} has a set '{source.name}', which is "
                    "what the table calls all sets of that role. Rename the set."
                )
        places[named] = Place(where, setup)
    return places
