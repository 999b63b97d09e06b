"""What stands against clamps: another way to make the same model forget, on the same board. Pure.

A rival takes the place of all clamps. It names what it is made of by content, so that a figure
belongs to these weights, this direction, this text, and to no later one of the same recipe:

* rmu: a model whose weights were changed (Li et al. 2024; see backend.rivals.rmu);
* difference-of-means, projection, leace, random-direction: the residual at the SAE's hook is
  changed along one direction, at every token a clamp may touch (backend.rivals.directions);
* prompt: every question is asked after a text (backend.rivals.prompts).
"""

import math
import re
import shlex
from dataclasses import dataclass, replace
from typing import Literal, get_args
from urllib.parse import quote, unquote

from backend.errors import BadRival
from backend.rim import shown, whole

Pushed = Literal["difference-of-means", "projection", "leace", "random-direction"]
RivalKind = Literal["rmu", Pushed, "prompt"]
KINDS: tuple[RivalKind, ...] = ("rmu", *get_args(Pushed), "prompt")
PUSHED: tuple[Pushed, ...] = get_args(Pushed)
"""Those at the hook, which have a strength."""
TITLES: dict[RivalKind, str] = {
    "rmu": "RMU",
    "difference-of-means": "Difference of means",
    "projection": "Projection",
    "leace": "LEACE",
    "random-direction": "Random direction",
    "prompt": "Prompt",
}
ABOUT: dict[RivalKind, str] = {
    "rmu": "Weights trained by Representation Misdirection for Unlearning (Li et al. 2024): on "
    "forget text the residual after one block is driven to a random vector, on retain text it is "
    "held where it was.",
    "difference-of-means": "At every token the mean residual of the forget text, less that of the "
    "retain text, is subtracted.",
    "projection": "At every token the residual loses its part along the difference of the two "
    "texts' means (directional ablation, Arditi et al. 2024).",
    "leace": "At every token what linearly tells the forget text from the retain text is erased "
    "from the residual (LEACE, Belrose et al. 2023).",
    "random-direction": "At every token a random vector, as long as the difference of the two "
    "texts' means, is subtracted: what a push of that length does by itself.",
    "prompt": "Every question is asked after this text:",
}
"""What each kind does, in a sentence or two for people."""
MAX_STRENGTH = 100.0
MAX_TEXT = 1_000
"""Characters of a prompt."""
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}")
"""Of trained weights, and of a direction."""


@dataclass(frozen=True)
class Rival:
    kind: RivalKind
    of: str
    """The trained weights' name, the direction's fingerprint, or the prompt's text."""
    strength: float = 1.0
    """Of a direction: how many times its own length it moves the residual; 1 for all others."""


def check_kind(kind: str) -> None:
    """Raises BadRival for a kind there is not."""
    if kind not in KINDS:
        raise BadRival(f"There is no rival {shown(kind)}: it can be {', '.join(KINDS)}.")


def checked_rival(rival: Rival) -> Rival:
    """In range, and in its one form. Raises BadRival."""
    check_kind(rival.kind)
    if rival.kind == "prompt":
        text = whole(rival.of, "The prompt").strip()
        if not text:
            raise BadRival("The prompt that questions are asked after is empty. Write one.")
        if len(text) > MAX_TEXT:
            raise BadRival(f"The prompt has {len(text):,} characters; at most {MAX_TEXT:,} go.")
        rival = replace(rival, of=text)
    elif not NAME.fullmatch(rival.of):
        raise BadRival(f"{TITLES[rival.kind]} has no {shown(rival.of)}.")
    strength = rival.strength if rival.kind in PUSHED else 1.0
    if not (math.isfinite(strength) and 0 <= strength <= MAX_STRENGTH):
        raise BadRival(
            f"The strength of {TITLES[rival.kind]} is {strength:g}; "
            f"it can be 0 to {MAX_STRENGTH:g}."
        )
    return replace(rival, strength=float(strength) + 0.0)


def format_rival(rival: Rival | None) -> str:
    """The text that `parse_rival` reads back to the same rival; empty for none."""
    if rival is None:
        return ""
    if rival.kind == "prompt":
        return f"prompt:{quote(rival.of, safe='')}"
    strength = f":{_shortest(rival.strength)}" if rival.kind in PUSHED else ""
    return f"{rival.kind}:{rival.of}{strength}"


def _shortest(strength: float) -> str:
    """The shortest text that reads back to the same number."""
    return repr(strength).removesuffix(".0")


def parse_rival(text: str) -> Rival | None:
    """A rival from text such as "rmu:l7-s3-a100-1f2e3d4c" or "leace:1f2e3d4c:1.5"; None from an
    empty one. Raises BadRival.
    """
    if not text:
        return None
    kind, _, rest = text.partition(":")
    try:
        if not text.isascii():
            raise ValueError
        if kind == "prompt":
            return checked_rival(Rival("prompt", unquote(rest, errors="strict")))
        if kind == "rmu":
            return checked_rival(Rival("rmu", rest))
        if kind in PUSHED:
            of, _, strength = rest.partition(":")
            return checked_rival(Rival(kind, of, float(strength)))
    except ValueError:
        pass
    raise BadRival(
        f"{shown(text)} is no rival. Expected one such as rmu:NAME, leace:NAME:1 or prompt:TEXT."
    )


def flags(rival: Rival) -> str:
    """The arguments of the command line that say the same; begins with a space."""
    # With "=", as a prompt may begin with a minus, like a flag.
    of = f" --of={shlex.quote(rival.of)}" if rival.kind not in PUSHED else ""
    strength = f" --strength {_shortest(rival.strength)}" if rival.kind in PUSHED else ""
    return f" --rival {rival.kind}{of}{strength}"


def in_words(rival: Rival) -> str:
    """What a run's title says."""
    if rival.kind == "prompt":
        text = " ".join("".join(c if c.isprintable() else " " for c in rival.of).split())
        return f"Prompt “{text if len(text) <= 40 else text[:39] + '…'}”"
    if rival.kind == "rmu":
        return f"RMU {rival.of}"
    return f"{TITLES[rival.kind]} × {rival.strength:g}"
