"""What a choice on a page does to the session's board."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from backend.engine.engine import Engine
from backend.errors import BadInput, ClampboardError
from backend.interventions.board import Board, board_of
from backend.interventions.method import Method, Setting, checked_method
from backend.interventions.rival import Rival, RivalKind
from backend.rivals.recipe import recipe_of
from backend.rivals.trained import Trained
from backend.sharing.links import Which
from backend.sharing.run_file import RunFile
from components import state
from components.clamping.sliders import edited, new_slider, reset


def sliders_key() -> str:
    return f"clamp_sliders_{state.revision()}"


def keep_edit() -> None:
    state.set_board(replace(edited(state.board(), sliders_key()), rival=None), redraw=False)


def add(engine: Engine, feature: int) -> None:
    if feature not in state.board().features():
        state.add_sliders(new_slider(feature, engine.atlas.about(feature)["max_act"]))


def reset_all(engine: Engine) -> None:
    state.set_board(reset(state.board(), engine.atlas.about, came_from=state.came_from))


def remove_all() -> None:
    state.set_board(replace(state.board(), sliders=(), solo=None, master=1.0))


def save_preset(engine: Engine, name: str) -> None:
    engine.saved_presets.save(name, state.board())


def put(setting: Setting) -> None:
    state.load_board(board_of(*setting))


def put_rival(rival: Rival | None) -> None:
    state.set_board(replace(state.board(), rival=rival))


def put_trained(trained: Trained) -> None:
    put_rival(Rival("rmu", trained.name))


def choose_rival(engine: Engine, kind: RivalKind, of: str | None) -> None:
    try:
        put_rival(engine.rivals.named(kind, of))
    except ClampboardError as error:
        state.say("rivals", str(error))


def set_strength(strength: float) -> None:
    board = state.board()
    if board.rival is not None:
        rival = replace(board.rival, strength=strength)
        state.set_board(replace(board, rival=rival), redraw=False)


def train(engine: Engine, values: dict[str, Any]) -> None:
    try:
        state.work("rmu").ask(recipe_of(engine.setup.rmu, **values))
    except ClampboardError as error:
        state.say("rivals", str(error))


def in_force(board: Board) -> Setting:
    """The board's setting, by its method also where nothing is clamped."""
    return Setting(board.setting().clamps, board.method)


def set_method(engine: Engine, edit: Callable[[Setting], Method]) -> None:
    """Raises BadMethod, and what `edit` raises."""
    board = state.board()
    method = edit(in_force(board))
    checked = checked_method(method, engine.d_sae)
    state.set_board(replace(board, method=checked), redraw=checked != method)


def open_link(board: Board, half: Which) -> None:
    state.set_half(half)
    state.load_board(board)


def open_file(name: str, found: RunFile | BadInput) -> None:
    state.set_opened(name, found)
    if isinstance(found, RunFile):
        state.set_half(found.half)
        state.load_board(found.board)
