"""What the user has set on the clamp page, and its text in a link. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from backend.errors import BadInput, BadMethod, BadRival
from backend.interventions.clamps import MAX_CLAMPS, MAX_VALUE, Clamp, clamp_set
from backend.interventions.method import (
    PAPER,
    Method,
    Setting,
    format_method,
    parse_method,
    setting_of,
)
from backend.interventions.rival import MAX_TEXT, Rival, format_rival, parse_rival

MAX_MASTER = 3.0
MAX_SLIDER = MAX_VALUE / MAX_MASTER
"""Raw units of a link's slider, before the master."""
MAX_LINK = 20_000
"""Characters of a link's clamps that are read; no address bar holds more."""
MAX_METHOD = 300
MAX_RIVAL = len("prompt:") + 12 * MAX_TEXT
"""Each of a prompt's characters may be four bytes, of three characters each in an address."""


@dataclass(frozen=True)
class Slider:
    feature: int
    value: float
    """Raw activation units, before the master multiplier."""
    on: bool = True


@dataclass(frozen=True)
class Board:
    sliders: tuple[Slider, ...] = ()
    """In the order the user added them; each feature once."""
    master: float = 1.0
    """Multiplies every value."""
    solo: int | None = None
    """While set, this feature's clamp alone is in force."""
    method: Method = PAPER
    """When the clamps act and what they write; checked, also where nothing is clamped."""
    rival: Rival | None = None
    """While there is one it is in force in the place of the clamps, which stay where they are."""

    def setting(self) -> Setting:
        """What is in force: the rival, or the sliders that are on, times the master, by the method.

        While there is a solo, that one alone.
        """
        clamps = clamp_set(
            Clamp(s.feature, s.value * self.master + 0.0)
            for s in self.sliders
            if s.on and self.solo in (None, s.feature)
        )
        return setting_of(clamps, self.method, self.rival)

    def features(self) -> tuple[int, ...]:
        return tuple(s.feature for s in self.sliders)

    def put(self, slider: Slider) -> "Board":
        """With this slider in the place of the feature's own, or added at the end."""
        if slider.feature not in self.features():
            return replace(self, sliders=(*self.sliders, slider))
        put = tuple(slider if s.feature == slider.feature else s for s in self.sliders)
        return replace(self, sliders=put)

    def without(self, feature: int) -> "Board":
        left = tuple(s for s in self.sliders if s.feature != feature)
        return replace(self, sliders=left, solo=None if self.solo == feature else self.solo)


def board_of(clamps: Iterable[Clamp], method: Method = PAPER, rival: Rival | None = None) -> Board:
    """A slider for each clamp, in the order given."""
    sliders = tuple(Slider(clamp.feature, clamp.value) for clamp in clamps)
    return Board(sliders, method=method, rival=rival)


def write_link(board: Board) -> dict[str, str]:
    """Query parameters that `read_link` turns back into the same board.

    A slider that is off has a "!" before it.
    """
    parts = [f"{'' if s.on else '!'}{s.feature}:{s.value!r}" for s in board.sliders]
    link = {"clamps": ",".join(part.removesuffix(".0") for part in parts)} if parts else {}
    link |= {} if board.master == 1 else {"master": repr(board.master)}
    link |= {} if board.method == PAPER else {"method": format_method(board.method)}
    link |= {} if board.rival is None else {"rival": format_rival(board.rival)}
    return link if board.solo is None else {**link, "solo": str(board.solo)}


def read_link(parameters: dict[str, str], d_sae: int) -> Board:
    """Raises BadInput for anything that is not exactly what `write_link` writes."""
    text = parameters.get("clamps", "")
    if len(text) > MAX_LINK or text.count(",") >= MAX_CLAMPS:
        raise BadInput("The link holds too many clamps.")
    sliders: list[Slider] = []
    for part in filter(None, text.split(",")):
        feature, colon, value = part.removeprefix("!").partition(":")
        number = _number(value)
        if not colon or not feature.isdecimal() or not feature.isascii() or number is None:
            raise BadInput(
                f"The link's clamps cannot be read at {part[:40]!r}. "
                "Expected feature:value pairs, such as 12:-60,45:0."
            )
        if abs(number) > MAX_SLIDER:
            raise BadInput(
                f"The link clamps feature {feature[:20]} to {number:g}; "
                f"values go from -{MAX_SLIDER:g} to {MAX_SLIDER:g}."
            )
        if len(feature) > 9 or int(feature) >= d_sae:
            raise BadInput(
                f"The link clamps feature {feature[:20]}, "
                f"but this SAE has features 0 to {d_sae - 1}."
            )
        sliders.append(Slider(int(feature), number, not part.startswith("!")))
    if len({s.feature for s in sliders}) < len(sliders):
        raise BadInput("The link clamps a feature twice.")
    master = _number(parameters.get("master", "1"))
    if master is None or not 0 <= master <= MAX_MASTER:
        raise BadInput(f"The link's master multiplier must be a number from 0 to {MAX_MASTER:g}.")
    solo = parameters.get("solo")
    if solo is not None and solo not in [str(s.feature) for s in sliders]:
        raise BadInput(
            f"The link's solo is {solo[:20]!r}; "
            "it must be one of the features that the link clamps."
        )
    return Board(
        tuple(sliders),
        master,
        None if solo is None else int(solo),
        _method(parameters, d_sae),
        _rival(parameters),
    )


def _method(parameters: dict[str, str], d_sae: int) -> Method:
    text = parameters.get("method", "")
    if len(text) > MAX_METHOD:
        raise BadInput("The link's method is longer than any.")
    try:
        return parse_method(text, d_sae)
    except BadMethod as error:
        raise BadInput(f"The link's method cannot be used: {error}") from error


def _rival(parameters: dict[str, str]) -> Rival | None:
    text = parameters.get("rival", "")
    if len(text) > MAX_RIVAL:
        raise BadInput("The link's rival is longer than any.")
    try:
        return parse_rival(text)
    except BadRival as error:
        raise BadInput(f"The link's rival cannot be used: {error}") from error


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
