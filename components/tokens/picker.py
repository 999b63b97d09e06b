"""A text's tokens, lit by their strongest feature, to be picked by mouse or keyboard."""

from collections.abc import Callable, Sequence
from typing import Any

from components.element import element
from components.tokens.view import opacity

SHOWN = 60
"""Characters of a token that are shown."""
_picker = element(__file__, "token_picker")


def draw_token_picker(
    tokens: Sequence[str],
    strongest: Sequence[Sequence[tuple[int, float]]],
    off: Sequence[bool],
    name: Callable[[int], str],
    picked: Sequence[int],
    key: str,
) -> list[int]:
    """The tokens; returns the indices of those picked.

    `strongest` are each token's features and activations; one that is `off` cannot be picked.
    """
    result = _picker(
        key=key,
        on_picked_change=lambda: None,
        default={"picked": list(picked)},
        data={
            "label": "Tokens of your text: pick some to rank features there",
            "picked": list(picked),
            "tokens": token_data(tokens, strongest, off, name),
        },
    )
    n = len(tokens)
    return sorted(
        {i for i in result.picked or [] if isinstance(i, int) and 0 <= i < n and not off[i]}
    )


def token_data(
    tokens: Sequence[str],
    strongest: Sequence[Sequence[tuple[int, float]]],
    off: Sequence[bool],
    name: Callable[[int], str],
) -> list[dict[str, Any]]:
    """What the browser is told of each token. Pure.

    Its text, whether it can be picked, how brightly it is lit, and its strongest features in words.
    """
    top = max((best[0][1] for best in strongest if best), default=0.0)
    return [
        {
            "shown": _shown(token),
            "off": bool(exempt),
            "lit": round(opacity(best[0][1], top), 3) if best else 0,
            "about": _about(best, exempt, name),
        }
        for token, best, exempt in zip(tokens, strongest, off, strict=True)
    ]


def _about(best: Sequence[tuple[int, float]], exempt: bool, name: Callable[[int], str]) -> str:
    if exempt:
        return "not counted: no clamp touches this position"
    lines = [f"{value:.1f}  {feature} · {name(feature)}" for feature, value in best]
    return "\n".join(lines) or "no feature fires here"


def _shown(token: str) -> str:
    """Bytes of a character begun before have no text of their own."""
    visible = token or "▫"
    for break_or_tab, sign in (("\r\n", "↵"), ("\n", "↵"), ("\r", "↵"), ("\t", "⇥")):
        visible = visible.replace(break_or_tab, sign)
    return visible if len(visible) <= SHOWN else visible[:SHOWN] + "…"
