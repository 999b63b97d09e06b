"""The picture of a gate: two strips of its statistic, with tau between them as a handle.

One element (gate.js). It knows every count beforehand, so a moving handle waits for nothing.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import streamlit as st
import torch
from jaxtyping import Float
from torch import Tensor

from backend.interventions.gates import DECIMALS
from backend.interventions.method import Gate, GateKind, most_tau
from components.element import element

MOST_STEPS = 400
"""Places of the handle."""
STATISTICS: dict[GateKind, str] = {
    "rho": "share of a question's tokens at which a clamped feature fires",
    "window": "share of such tokens in the densest {width} in a row",
    "cusum": "evidence of the subject along the question, in nats",
}

_gate = element(__file__, "clamp_gate", parts="parts.js")


class Strip(NamedTuple):
    """The questions of one role, by their statistic."""

    role: str
    title: str
    statistics: Float[Tensor, " question"]


def draw_picture(
    gate: Gate, strips: Sequence[Strip], key: str, on_edit: Callable[[], None]
) -> None:
    """`on_edit` is called when tau was let go elsewhere: `edited` then says where. A new `key`
    draws all afresh.
    """
    top = max((float(s.statistics.max()) for s in strips if len(s.statistics)), default=0.0)
    step = step_of(max(top, min(gate.tau, most_tau(gate.kind))))
    n_steps = max(1, math.ceil(round(max(top, gate.tau) / step, 6)))
    taus = torch.arange(n_steps + 1, dtype=torch.float64) * step
    _gate(
        key=key,
        on_edit_change=on_edit,
        data={
            "seen": (_edit(key) or {}).get("number", 0),
            "tau": gate.tau,
            "most": most_tau(gate.kind),
            "step": step,
            "top": round(n_steps * step, 9),
            "what": STATISTICS[gate.kind].format(width=gate.width),
            "strips": [
                {
                    "role": strip.role,
                    "title": strip.title,
                    "n": len(strip.statistics),
                    "above": above(strip.statistics, taus),
                    "open": int((strip.statistics > gate.tau).sum()),
                }
                for strip in strips
            ],
        },
    )


def above(statistics: Float[Tensor, " question"], taus: Float[Tensor, " step"]) -> list[int]:
    """How many questions are strictly above each tau."""
    # A step such as 3 * 0.1 is a little off what it says.
    ordered, rounded = statistics.sort().values, taus.round(decimals=9)
    return (len(ordered) - torch.searchsorted(ordered, rounded, right=True)).tolist()


def step_of(top: float) -> float:
    """1, 2 or 5 times a power of ten, so that at most MOST_STEPS reach `top`."""
    if top < 10.0**-DECIMALS:  # statistics are rounded: this is none
        return 0.01
    power = 10.0 ** math.floor(math.log10(top / MOST_STEPS))
    return next(round(m * power, 12) for m in (1, 2, 5, 10) if m * power * MOST_STEPS >= top)


def edited(gate: Gate, key: str) -> float:
    """Tau as the user left it; a message that does not fit changes nothing."""
    tau = (_edit(key) or {}).get("tau")
    if (
        isinstance(tau, bool)
        or not isinstance(tau, int | float)
        or not 0 <= tau <= most_tau(gate.kind)
    ):
        return gate.tau
    return round(float(tau), 6)


def _edit(key: str) -> dict[str, Any] | None:
    edit = st.session_state.get(key, {}).get("edit")
    return edit if isinstance(edit, dict) else None
