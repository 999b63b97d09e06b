"""When clamps act and what they write: a value beside the clamps, part of every setting. Pure.

The paper's own method (Farrell, Lau and Conmy 2024) acts at every token where a clamped feature
fires, and sets that feature. What came after it changes when to act, not what is clamped:

* a threshold and a refusal latent: Khoriaty, Shportko, Mercier and Wood-Doughty 2025, "Don't
  forget it!" (their `clamp_cond` and `clamp_refusal`);
* a gate on the whole sequence, and all features at once: Muhamed, Bonato, Diab and Smith 2025,
  "SAEs can improve unlearning: Dynamic SAE Guardrails" (`rho`, reach "all");
* gates on a part of the sequence: `window` and `cusum`; see backend.interventions.gates.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

from backend.errors import BadMethod
from backend.interventions.clamps import MAX_VALUE, Clamps, clamp_set, format_clamps, shortest
from backend.interventions.rival import Rival, checked_rival
from backend.interventions.rival import in_words as rival_in_words

GateKind = Literal["rho", "window", "cusum"]
KINDS: tuple[GateKind, ...] = get_args(GateKind)
Reach = Literal["firing", "all"]
WIDTH = 32
"""Positions of a window."""
MAX_WIDTH = 1024
MAX_TAU = 1e6
"""Nats of a likelihood ratio; the other statistics are shares."""


@dataclass(frozen=True)
class Gate:
    """Opens a sequence where its statistic is above tau; see backend.interventions.gates."""

    kind: GateKind
    tau: float
    """A share of positions, 0 to 1; for cusum, nats. Open means strictly above."""
    width: int = WIDTH
    """Positions of a window; read by that kind alone."""


@dataclass(frozen=True)
class Refusal:
    """Another feature, set wherever one of the clamped features fires."""

    feature: int
    value: float
    """Raw activation units."""
    alone: bool = True
    """The clamped features themselves are left as they are."""


@dataclass(frozen=True)
class Method:
    threshold: float = 0.0
    """A feature fires where its activation is above this (raw units): 0 is the paper's."""
    gate: Gate | None = None
    """None acts on every sequence."""
    reach: Reach = "firing"
    """Where a feature fires: those that fire are set, or all that are clamped."""
    refusal: Refusal | None = None
    keep_norm: bool = False
    """The edited residual is rescaled to the length it had."""


PAPER = Method()
"""Farrell, Lau and Conmy 2024."""


class Setting(NamedTuple):
    """What is clamped, and when, or what stands in the place of clamps: everything a run is of.
    Equal settings are equal values.
    """

    clamps: Clamps = ()
    method: Method = PAPER
    rival: Rival | None = None
    """With one there is no clamp."""

    @property
    def features(self) -> tuple[int, ...]:
        """The clamped ones, ascending: what gates and firing are about."""
        return tuple(clamp.feature for clamp in self.clamps)

    def __bool__(self) -> bool:
        """False where nothing acts: nothing is clamped, whatever the method, and there is no
        rival.
        """
        return bool(self.clamps) or self.rival is not None


NOTHING = Setting()


def setting_of(
    clamps: Iterable[tuple[int, float]],
    method: Method = PAPER,
    rival: Rival | None = None,
    *,
    d_sae: int | None = None,
) -> Setting:
    """Checked, and in the one form equal settings have: with a rival there are no clamps, without
    clamps there is no method, and what a method does not read is as it stands by default.

    Raises BadClamps, BadMethod or BadRival.
    """
    found = clamp_set(clamps, d_sae)
    method = checked_method(method, d_sae)
    if rival is not None:
        return Setting(rival=checked_rival(rival))
    return Setting(found, method) if found else NOTHING


def checked_method(method: Method, d_sae: int | None = None) -> Method:
    """In range, and in its one form. Raises BadMethod."""
    _within(method.threshold, 0, MAX_VALUE, "The threshold of firing")
    if (gate := method.gate) is not None:
        if gate.kind not in KINDS:
            raise BadMethod(f"There is no gate '{gate.kind}': it can be {', '.join(KINDS)}.")
        _within(gate.tau, 0, most_tau(gate.kind), f"Tau of the gate {gate.kind}")
        if not 1 <= gate.width <= MAX_WIDTH:
            raise BadMethod(f"A window has 1 to {MAX_WIDTH} positions, not {str(gate.width)[:20]}.")
        width = gate.width if gate.kind == "window" else WIDTH
        method = replace(method, gate=Gate(gate.kind, float(gate.tau) + 0.0, width))
    if method.reach not in get_args(Reach):
        raise BadMethod(f"Reach can be firing or all, not '{method.reach}'.")
    if (refusal := method.refusal) is not None:
        if refusal.feature < 0 or (d_sae is not None and refusal.feature >= d_sae):
            top = "" if d_sae is None else f": this SAE has features 0 to {d_sae - 1}"
            raise BadMethod(f"There is no feature {refusal.feature} to be a refusal latent{top}.")
        _within(refusal.value, -MAX_VALUE, MAX_VALUE, "The refusal latent's value")
        method = replace(method, refusal=replace(refusal, value=float(refusal.value) + 0.0))
        if refusal.alone:
            method = replace(method, reach="firing")
    return replace(method, threshold=float(method.threshold) + 0.0)


def most_tau(kind: GateKind) -> float:
    return MAX_TAU if kind == "cusum" else 1.0


def _within(value: float, low: float, high: float, what: str) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise BadMethod(f"{what} is {value:g}; it can be {low:g} to {high:g}.")


# -- text ------------------------------------------------------------------------------------------


def format_method(method: Method) -> str:
    """The text that `parse_method` reads back to the same method; empty for the paper's."""
    parts = []
    if method.threshold:
        parts.append(f"threshold:{shortest(method.threshold)}")
    if method.gate is not None:
        parts.append(_gate_text(method.gate))
    if method.reach != "firing":
        parts.append(f"reach:{method.reach}")
    if method.refusal is not None:
        beside = "" if method.refusal.alone else ":beside"
        parts.append(f"refusal:{method.refusal.feature}:{shortest(method.refusal.value)}{beside}")
    if method.keep_norm:
        parts.append("norm:kept")
    return ",".join(parts)


def _gate_text(gate: Gate) -> str:
    width = f":{gate.width}" if gate.kind == "window" else ""
    return f"{gate.kind}:{shortest(gate.tau)}{width}"


def parse_method(text: str, d_sae: int | None = None) -> Method:
    """A method from text such as "rho:0.15,reach:all"; empty text is the paper's.

    Raises BadMethod with an example of what would be right.
    """
    method, seen = PAPER, set()
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, *values = part.split(":")
        kind = "gate" if name in KINDS else name
        if kind in seen:
            raise BadMethod(f"The method says '{name[:20]}' twice.")
        seen.add(kind)
        method = _with(method, name, values, part)
    return checked_method(method, d_sae)


def _with(method: Method, name: str, values: list[str], part: str) -> Method:
    try:
        if not part.isascii():  # digits of other scripts are numbers to Python
            raise ValueError
        match name, values:
            case "threshold", [theta]:
                return replace(method, threshold=float(theta))
            case ("rho" | "cusum") as kind, [tau]:
                return replace(method, gate=Gate(kind, float(tau)))
            case "window", [tau, width]:
                return replace(method, gate=Gate("window", float(tau), int(width)))
            case "reach", [("firing" | "all") as reach]:
                return replace(method, reach=reach)
            case "refusal", [feature, value]:
                return replace(method, refusal=Refusal(int(feature), float(value)))
            case "refusal", [feature, value, "beside"]:
                return replace(method, refusal=Refusal(int(feature), float(value), alone=False))
            case "norm", ["kept"]:
                return replace(method, keep_norm=True)
    except ValueError:
        pass
    shown = part if len(part) <= 40 else part[:40] + "…"
    raise BadMethod(
        f"{shown!r} is no part of a method. Write parts such as threshold:0.05, rho:0.15, "
        "window:0.4:32, cusum:8, reach:all, refusal:15864:-500, norm:kept."
    )


def flags(method: Method) -> str:
    """The arguments of the command line that say the same; begins with a space unless empty."""
    said = []
    if (gate := method.gate) is not None:
        said.append(f"--gate {gate.kind} --tau {shortest(gate.tau)}")
        said += [f"--window {gate.width}"] if gate.kind == "window" else []
    if method.threshold:
        said.append(f"--threshold {shortest(method.threshold)}")
    if method.reach != "firing":
        said.append(f"--reach {method.reach}")
    if (refusal := method.refusal) is not None:
        said.append(f"--refusal {refusal.feature}:{shortest(refusal.value)}")
        said += [] if refusal.alone else ["--beside"]
    said += ["--keep-norm"] if method.keep_norm else []
    return "".join(f" {part}" for part in said)


# -- words -----------------------------------------------------------------------------------------


def in_words(method: Method) -> str:
    """What a run's title says of the method; empty for the paper's."""
    parts = []
    if method.gate is not None:
        parts.append(gate_in_words(method.gate))
    if method.threshold:
        parts.append(f"firing above {shortest(method.threshold)}")
    if method.reach == "all":
        parts.append("all set where one fires")
    if method.refusal is not None:
        instead = "instead" if method.refusal.alone else "as well"
        parts.append(
            f"refusal latent {method.refusal.feature} to {shortest(method.refusal.value)} {instead}"
        )
    if method.keep_norm:
        parts.append("length kept")
    return ", ".join(parts)


def gate_in_words(gate: Gate) -> str:
    wide = f" of {gate.width}" if gate.kind == "window" else ""
    return f"gate {gate.kind}{wide} > {gate.tau:.4g}"


def setting_in_words(setting: Setting) -> str:
    """Clamps and method, or the rival, on one line, for a terminal and a table."""
    if setting.rival is not None:
        return rival_in_words(setting.rival)
    method = format_method(setting.method)
    return format_clamps(setting.clamps) + (f" [{method}]" if method else "")
