"""The boards a user keeps under names, one sealed file each."""

from contextlib import suppress
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from backend import showcase
from backend.errors import BadInput
from backend.interventions.board import Board, read_link, write_link
from backend.own_files import changing, delete, read, read_to_change
from backend.rim import whole
from backend.store import key, write_json

MAX_NAME = 60
"""Characters of a name."""
MAX_SAVED = 500


class _Saved(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    name: str
    link: dict[str, str]


class SavedPresets:
    """The user's own boards under names, one sealed file each.

    Sliders that are off, the master, the method and a rival included.
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
        if not board.sliders and board.rival is None:
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
