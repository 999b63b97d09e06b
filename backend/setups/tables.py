"""Dataclasses from TOML tables, checked whole.

An error names the file, the field and what would be right.
"""

import dataclasses
import os.path
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from backend.errors import BadSetup
from backend.rim import shown

MOST_TEXT = 500
"""Characters of a text."""
MOST_PATH = 2_000
MOST_ENTRIES = 200
"""Of a list."""


def build(cls: type, table: Any, where: str, path: Path, base: Any = None) -> Any:
    """`cls` from the table of a file, every field checked for name and type.

    What the table does not give is the base's. A field's metadata may say: `given` False, it is not
    to be given in a table; `alone`, with it nothing of the base stays; `key`, a list that is added
    to the base's, where an entry replaces those with the same value of this field; `within`, the
    least and the most of a number. Raises BadSetup naming file and field.
    """
    prefix = f"{where}." if where else ""
    if not isinstance(table, dict):
        raise BadSetup(f"The setup {path}: {where} must be a table, not {shown(table)}.")
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.metadata.get("given", True)}
    if unknown := sorted(set(table) - set(fields)):
        raise BadSetup(
            f"The setup {path}: {prefix}{shown(unknown[0])[1:-1]} is not a known field; "
            f"known are {', '.join(fields)}."
        )
    if base is not None and any(fields[name].metadata.get("alone") for name in table):
        base = cls()
    values = {name: getattr(base, name) for name in fields} if base is not None else {}
    for name, spec in fields.items():
        if name in table:
            below = values.get(name)
            value = _value(hints[name], table[name], f"{prefix}{name}", path, below)
            _check_range(value, spec, f"{prefix}{name}", path)
            if below is not None and (same := spec.metadata.get("key")):
                given = {getattr(entry, same) for entry in value}
                value = (*(entry for entry in below if getattr(entry, same) not in given), *value)
            values[name] = value
        elif base is None and spec.default is dataclasses.MISSING:
            raise BadSetup(f"The setup {path}: the field {prefix}{name} is missing.")
    return cls(**values)


def _value(hint: Any, value: Any, where: str, path: Path, base: Any = None) -> Any:
    if get_origin(hint) in (types.UnionType, Union):
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return build(hint, value, where, path, base)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise BadSetup(f"The setup {path}: {where} must be a list, not {shown(value)}.")
        if len(value) > MOST_ENTRIES:
            raise BadSetup(
                f"The setup {path}: {where} has {len(value):,} entries; "
                f"the most are {MOST_ENTRIES}."
            )
        each = get_args(hint)[0]
        if get_origin(each) is Literal:
            each = str  # which words a list may hold is for backend.setups.checks to say
        return tuple(_value(each, item, f"{where}[{i}]", path) for i, item in enumerate(value))
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise BadSetup(
                f"The setup {path}: {where} is {shown(value)}; "
                f"it must be one of {', '.join(get_args(hint))}."
            )
        return value
    wanted = {Path: str, float: int | float}.get(hint, hint)
    if not isinstance(value, wanted) or isinstance(value, bool) != (hint is bool):
        names = {int: "a whole number", float: "a number", bool: "true or false"}
        raise BadSetup(
            f"The setup {path}: {where} must be {names.get(hint, 'text')}, not {shown(value)}."
        )
    if isinstance(value, str):
        _check_text(value, MOST_PATH if hint is Path else MOST_TEXT, where, path)
    return Path(os.path.realpath(path.parent / value)) if hint is Path else value


def _check_text(value: str, most: int, where: str, path: Path) -> None:
    """One line that can be written as UTF-8."""
    if len(value) > most:
        raise BadSetup(
            f"The setup {path}: {where} has {len(value):,} characters; the most are {most:,}."
        )
    if any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in value):
        raise BadSetup(
            f"The setup {path}: {where} must be one line without control characters, "
            f"not {shown(value)}."
        )


def _check_range(value: Any, spec: dataclasses.Field[Any], where: str, path: Path) -> None:
    within = spec.metadata.get("within")
    if within is not None and not within[0] <= value <= within[1]:
        least, most = (f"{end:g}" if isinstance(end, float) else f"{end:,}" for end in within)
        kind = "number" if any(isinstance(end, float) for end in within) else "whole number"
        raise BadSetup(
            f"The setup {path}: {where} must be a {kind} from {least} to {most}, "
            f"not {shown(value)}."
        )
