"""Short links: the parameters of a long one, kept under a name made of their content.

The same setting has the same name. A file is sealed and is never changed once it is there; it lies
beside the setup's results, since its features mean nothing elsewhere.
"""

import base64
import hashlib
import json
import re
import urllib.parse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal, cast, get_args

from pydantic import BaseModel, ConfigDict

from backend import showcase
from backend.engine.engine import Engine, Half
from backend.errors import BadInput
from backend.interventions.board import MAX_LINK, MAX_METHOD, MAX_RIVAL, Board, read_link
from backend.own_files import changing, read, read_to_change
from backend.rim import LONGEST_SHOWN, whole
from backend.store import write_json

SAVED = "saved"
"""The parameter of a short link."""
LENGTH = 10
"""Characters of a name: 50 bits, so two of MAX_SAVED share one once in 10^8 such folders."""
NAME = re.compile(f"[a-z2-7]{{{LENGTH}}}")
PARAMETERS = ("clamps", "master", "method", "rival", "solo", "half")
"""All that a long link may hold of a setting."""
MAX_TEXT = MAX_LINK + MAX_METHOD + MAX_RIVAL + 1000
"""Characters of all parameters together."""
MAX_SAVED = 5000
HALVES: tuple[str, ...] = ("all", *get_args(Half))
Which = Literal["all"] | Half


class _Saved(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    parameters: dict[str, str]


def folder_of(engine: Engine) -> Path:
    """Where the links of a setup lie."""
    return engine.folder / "links"


def save(folder: Path, parameters: Mapping[str, str]) -> str:
    """Keep a long link's parameters; the name they have then, and had if they were there before.

    Raises BadInput for parameters that no link has, or where MAX_SAVED are there; Showcase;
    Unavailable if the disk will not have it.
    """
    showcase.refuse()
    kept = dict(parameters)
    _check(kept)
    name = _name(kept)
    path = folder / f"{name}.json"
    parse = partial(_parse, name)
    if read(path, parse) is not None:
        return name
    with changing(folder):
        if len({*folder.glob("*.json")} - {path}) >= MAX_SAVED:
            raise BadInput(
                f"There are {MAX_SAVED:,} short links already: use the long link, "
                f"or delete old files in {folder.name}/ in the cache."
            )
        if read_to_change(path, parse) is None:
            write_json(path, {"parameters": kept})
    return name


def open_saved(folder: Path, name: str) -> dict[str, str]:
    """The parameters kept under a name, as they were saved. Raises BadInput where there are none,
    or the file is damaged.
    """
    found = None
    if NAME.fullmatch(name):
        found = read(folder / f"{name}.json", partial(_parse, name))
    if found is None:
        shown = name if len(name) <= LENGTH else f"{name[:LENGTH]}…"
        raise BadInput(
            f"This server has no saved link '{shown}': ask for the long link, "
            "which needs no server."
        )
    return found


def resolved(folder: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    """A page's parameters, with those of the saved link that they name in its place. Raises
    BadInput.
    """
    others = {what: value for what, value in parameters.items() if what != SAVED}
    if SAVED not in parameters:
        return others
    return others | open_saved(folder, parameters[SAVED])


def open_text(folder: Path, text: str, d_sae: int) -> tuple[Board, Which]:
    """What somebody pasted: a link, long or short, with an address before it or without; or a short
    one's name alone. Raises BadInput.
    """
    parameters = resolved(folder, _pasted(text))
    board = read_link(parameters, d_sae)
    half = parameters.get("half", "all")
    if half not in HALVES:
        raise BadInput(
            f"The link asks for the questions {half[:20]!r}; it can be {', '.join(HALVES)}."
        )
    return board, cast(Which, half)


def _pasted(text: str) -> dict[str, str]:
    text = whole(text, "The link").strip()
    if NAME.fullmatch(text):
        return {SAVED: text}
    query = text.partition("?")[2] if "?" in text else text
    pairs = urllib.parse.parse_qsl(query.partition("#")[0], keep_blank_values=True)
    found = {what: value for what, value in pairs if what in (*PARAMETERS, SAVED)}
    if not found:
        shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
        raise BadInput(
            f"{shown!r} is no link of this program: paste all of it, from ?clamps= or ?saved= on."
        )
    return found


def _check(parameters: Mapping[str, str]) -> None:
    if unknown := [what for what in parameters if what not in PARAMETERS]:
        raise BadInput(f"A link has no parameter {unknown[0][:20]!r}.")
    if sum(map(len, parameters.values())) > MAX_TEXT:
        raise BadInput("The link is too long to be kept: it holds too many clamps.")


def _name(parameters: Mapping[str, str]) -> str:
    canonical = json.dumps(dict(parameters), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.b32encode(digest).decode().lower()[:LENGTH]


def _parse(name: str, content: bytes) -> dict[str, str]:
    """Raises ValueError for what is no link, or another's; BadInput for what no link has."""
    parameters = _Saved.model_validate_json(content).parameters
    _check(parameters)
    if _name(parameters) != name:
        raise ValueError(f"{name} is another's")
    return parameters
