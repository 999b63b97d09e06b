"""A setup says everything that can change a number.

Model, SAE, positions, scoring, questions and corpora are read from a TOML file: one that ships
beside this module, by name, or the user's own, by path. Paths in a file are relative to it.
Validated whole: an error names the file, the field and what would be right.

Public: `load_setup`, and what backend.setups.schema says a `Setup` is made of.
"""

import os.path
from dataclasses import replace
from pathlib import Path

from backend.errors import BadInput, BadSetup
from backend.rim import kind, parse_toml, read_text, shown, whole
from backend.setups.checks import check
from backend.setups.schema import (  # noqa: F401 (they are this package's public names)
    PROMPTS,
    RULES,
    CorpusSource,
    Known,
    ModelSource,
    Prompt,
    Protocol,
    RmuSource,
    Role,
    RowSource,
    Rule,
    SaeSource,
    Scoring,
    SetSource,
    Setup,
)
from backend.setups.tables import build

SHIPPED = Path(__file__).parent


MOST_BYTES = 200_000
"""Of a setup's file; the largest that ships has 2,000."""
MOST_BELOW = 8
"""How many files may extend each other in a row."""


def load_setup(wanted: str | Path) -> Setup:
    """The setup of that shipped name or TOML path. Raises BadSetup for all that is wrong in it."""
    path = _shipped(str(wanted))
    if path is None:
        path = Path(wanted)
        if path.suffix != ".toml":
            raise BadSetup(
                f"There is no setup {shown(str(wanted))}. "
                f"Use one of: {', '.join(sorted(shipped_names()))}; "
                "or give the path of a .toml file."
            )
    setup = replace(_read(path), name=path.stem)
    check(setup, path)
    rmu = setup.rmu and replace(setup.rmu, corpora=_at_hand(setup.rmu.corpora))
    return replace(setup, corpora=_at_hand(setup.corpora), rmu=rmu)


def shipped_names() -> set[str]:
    return {file.stem for file in SHIPPED.glob("*.toml")}


def _shipped(name: str) -> Path | None:
    """The file of a setup that ships; None for all that is not its plain name."""
    return SHIPPED / f"{name}.toml" if name in shipped_names() else None


def _read(path: Path, extended_by: tuple[str, ...] = ()) -> Setup:
    """A TOML file, on top of the one it extends."""
    try:
        whole(str(path), "The name of the setup's file")
        table = parse_toml(read_text(path, MOST_BYTES, "The setup"), f"The setup {path}")
    except BadInput as error:
        raise BadSetup(str(error)) from error
    base = table.pop("extends", None)
    if base is None:
        return build(Setup, table, "", path)
    above = (*extended_by, os.path.realpath(path))
    below = _extended(base, path)
    if os.path.realpath(below) in above:
        raise BadSetup(f"The setup {path}: extends is {shown(base)}, which extends this file.")
    if len(above) > MOST_BELOW:
        raise BadSetup(
            f"The setup {path}: more than {MOST_BELOW} files extend each other in a row."
        )
    setup = _read(below, above)
    without = table.pop("without", [])
    names = [source.name for source in setup.sets]
    if not isinstance(without, list) or not all(name in names for name in without):
        raise BadSetup(
            f"The setup {path}: without is {shown(without)}; "
            f"it must be a list of sets of '{base}': {', '.join(names)}."
        )
    left = tuple(source for source in setup.sets if source.name not in without)
    return build(Setup, table, "", path, replace(setup, sets=left))


def _extended(base: object, path: Path) -> Path:
    """The file a setup's `extends` names."""
    if isinstance(base, str):
        below = _shipped(base) or path.parent / base
        if below.suffix == ".toml" and kind(below) == "file":
            return below
    raise BadSetup(
        f"The setup {path}: extends is {shown(base)}; "
        "it must be a shipped setup's name or the path of another .toml file."
    )


def _at_hand(corpora: tuple[CorpusSource, ...]) -> tuple[CorpusSource, ...]:
    """One corpus a role: the first that is not optional, or is there."""
    first: dict[str, CorpusSource] = {}
    for source in corpora:
        if not source.optional or source.local_path() is not None:
            first.setdefault(source.role, source)
    return tuple(first.values())
