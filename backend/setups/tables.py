"""Dataclasses from TOML tables, checked whole.

An error names the file, the field and what would be right.
"""

import dataclasses
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from backend.errors import BadSetup


def build(cls: type, table: Any, where: str, path: Path, base: Any = None) -> Any:
    """`cls` from the table of a file, every field checked for name and type.

    What the table does not give is the base's. A field's metadata may say: `given` False, it is not
    to be given in a table; `alone`, with it nothing of the base stays; `key`, a list that is added
    to the base's, where an entry replaces those with the same value of this field. Raises BadSetup
    naming file and field.
    """
    prefix = f"{where}." if where else ""
    if not isinstance(table, dict):
        raise BadSetup(f"The setup {path}: {where} must be a table, not {table!r}.")
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.metadata.get("given", True)}
    if unknown := sorted(set(table) - set(fields)):
        raise BadSetup(
            f"The setup {path}: {prefix}{unknown[0]} is not a known field; "
            f"known are {', '.join(fields)}."
        )
    if base is not None and any(fields[name].metadata.get("alone") for name in table):
        base = cls()
    values = {name: getattr(base, name) for name in fields} if base is not None else {}
    for name, spec in fields.items():
        if name in table:
            below = values.get(name)
            value = _value(hints[name], table[name], f"{prefix}{name}", path, below)
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
            raise BadSetup(f"The setup {path}: {where} must be a list, not {value!r}.")
        each = get_args(hint)[0]
        if get_origin(each) is Literal:
            each = str  # which words a list may hold is for backend.setups.checks to say
        return tuple(_value(each, item, f"{where}[{i}]", path) for i, item in enumerate(value))
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise BadSetup(
                f"The setup {path}: {where} is {value!r}; "
                f"it must be one of {', '.join(get_args(hint))}."
            )
        return value
    if hint is Path and isinstance(value, str):
        return (path.parent / value).resolve()
    if not isinstance(value, hint) or isinstance(value, bool) != (hint is bool):
        wanted = "a whole number" if hint is int else "text"
        raise BadSetup(f"The setup {path}: {where} must be {wanted}, not {value!r}.")
    return value
