"""What may stand where a notebook says what is clamped."""

import operator
from collections.abc import Mapping

from jaxtyping import Bool
from torch import Tensor

from backend.engine.engine import Engine, Half
from backend.errors import BadInput
from backend.interventions.clamps import clamp_set, parse_clamps
from backend.interventions.method import Method, Setting, parse_method
from backend.rim import shown
from backend.sharing.links import folder_of, open_text

Clamped = str | Mapping[int, float] | Setting
"""A preset's name, one that ships or the user's own; feature:value pairs, such as
"2187:-300,3251:-200"; a page's link; {2187: -300.0}, in raw units; a setting.
"""


def setting_in(engine: Engine, clamped: Clamped) -> tuple[Setting, Half | None]:
    """The setting, in range, and the half of the questions that a link asks for.

    Raises BadInput for what is none, BadClamps for features or values out of range.
    """
    if isinstance(clamped, str):
        return _named(engine, clamped)
    if isinstance(clamped, Setting):
        return engine.check(clamped), None
    try:
        pairs = [(operator.index(f), float(value)) for f, value in clamped.items()]
    except (AttributeError, TypeError, ValueError) as error:
        raise BadInput(
            f"{shown(str(clamped))} says no clamps: give a preset's name, a link, or values in raw "
            "units by feature number, such as {2187: -300.0}."
        ) from error
    return Setting(clamp_set(pairs, engine.d_sae)), None


def method_in(method: Method | str) -> Method:
    """A method, or its text, such as "rho:0.15,reach:all". Raises BadMethod."""
    return parse_method(method) if isinstance(method, str) else method


def questions_in(engine: Engine, half: Half | None) -> Bool[Tensor, " question"] | None:
    """The questions of a half; None is all of them. Raises BadInput for a half there is not."""
    return None if half is None else engine.half(half)


def _named(engine: Engine, text: str) -> tuple[Setting, Half | None]:
    if text not in engine.presets:
        if (own := engine.saved_presets.all(engine.d_sae).get(text)) is not None:
            return own.setting(), None
        if "=" in text:
            board, half = open_text(folder_of(engine), text, engine.d_sae)
            return board.setting(), None if half == "all" else half
        if ":" in text or not text.strip():
            return Setting(parse_clamps(text, engine.d_sae)), None
    setting = engine.preset(text)
    if not setting:
        raise BadInput(f"There is nothing to clamp. {text}: {engine.preset_in_words(text)}")
    return setting, None
