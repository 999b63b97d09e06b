"""A setup says everything that can change a number.

Model, SAE, positions, scoring, questions and corpora are read from a TOML file: one that ships
beside this module, by name, or the user's own, by path. Paths in a file are relative to it.
Validated whole: an error names the file, the field and what would be right.

Public: `load_setup`, and what backend.setups.schema says a `Setup` is made of.
"""

import tomllib
from dataclasses import replace
from pathlib import Path

from backend.errors import BadSetup
from backend.setups.checks import check
from backend.setups.schema import (  # noqa: F401 (they are this package's public names)
    PROMPTS,
    RULES,
    CorpusSource,
    Known,
    ModelSource,
    Prompt,
    Protocol,
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


def load_setup(wanted: str | Path) -> Setup:
    """The setup of that shipped name or TOML path. Raises BadSetup for all that is wrong in it."""
    path = Path(wanted)
    if path.suffix != ".toml":
        path = SHIPPED / f"{wanted}.toml"
        if not path.exists():
            names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.toml")))
            raise BadSetup(
                f"There is no setup '{wanted}'. "
                f"Use one of: {names}; or give the path of a .toml file."
            )
    setup = replace(_read(path), name=path.stem)
    check(setup, path)
    return replace(setup, corpora=_at_hand(setup.corpora))


def _read(path: Path, extended_by: tuple[Path, ...] = ()) -> Setup:
    """A TOML file, on top of the one it extends."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetup(
            f"The setup {path} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise BadSetup(f"The setup {path} is not valid TOML: {error}.") from error
    base = table.pop("extends", None)
    if base is None:
        return build(Setup, table, "", path)
    shipped = SHIPPED / f"{base}.toml"
    below = shipped if shipped.exists() else path.parent / str(base)
    if not below.exists() or below.resolve() in (path.resolve(), *extended_by):
        raise BadSetup(
            f"The setup {path}: extends is {base!r}; "
            "it must be a shipped setup's name or the path of another .toml file."
        )
    setup = _read(below, (*extended_by, path.resolve()))
    without = table.pop("without", [])
    names = [source.name for source in setup.sets]
    if not isinstance(without, list) or not all(name in names for name in without):
        raise BadSetup(
            f"The setup {path}: without is {without!r}; "
            f"it must be a list of sets of '{base}': {', '.join(names)}."
        )
    left = tuple(source for source in setup.sets if source.name not in without)
    return build(Setup, table, "", path, replace(setup, sets=left))


def _at_hand(corpora: tuple[CorpusSource, ...]) -> tuple[CorpusSource, ...]:
    """One corpus a role: the first that is not optional, or is there."""
    first: dict[str, CorpusSource] = {}
    for source in corpora:
        if not source.optional or source.local_path() is not None:
            first.setdefault(source.role, source)
    return tuple(first.values())
