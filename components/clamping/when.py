"""When to act: the gate with its picture, where its tau belongs, and what is written."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import streamlit as st
from jaxtyping import Bool
from torch import Tensor

from backend.engine.engine import Engine
from backend.errors import ClampboardError
from backend.evaluation.calibration import GROUNDS, Ground, Rule
from backend.interventions.clamps import MAX_VALUE
from backend.interventions.gates import Opening
from backend.interventions.method import (
    MAX_WIDTH,
    WIDTH,
    Gate,
    GateKind,
    Method,
    Refusal,
    Setting,
    in_words,
)
from components.clamping.gate import Strip, draw_picture, edited
from components.values import FoundTau
from components.wording import plain

Kind = Literal["none"] | GateKind
KINDS: dict[Kind, str] = {
    "none": "always",
    "rho": "share",
    "window": "window",
    "cusum": "evidence",
}
EXPLAINED: dict[Kind, str] = {
    "none": (
        "Wherever a clamped feature fires (the paper's way). A gate first asks whether a question "
        "is about the subject."
    ),
    "rho": (
        "Only in questions where they fire at more than tau of the tokens (DSG's rho); the others "
        "keep their answer, bit for bit."
    ),
    "window": (
        "As share, but of the densest stretch of tokens: what stands around the subject does not "
        "thin it out."
    ),
    "cusum": (
        "Adds up, token by token, how much likelier what fires is in questions to forget than in "
        "others (cusum); it opens where the sum was ever above tau."
    ),
}
FIRST_RATE = 0.05
"""False alarms a gate that was just chosen is set to: DSG's."""

Edit = Callable[[Setting], Method]
"""From what is in force at that time to the method that is wanted; may raise."""


class Hears(NamedTuple):
    """Whom the card tells what the user did."""

    on_method: Callable[[Edit], None]
    """May raise. Two changes of one rerun come one after the other."""
    on_found: Callable[[FoundTau], None]
    on_problem: Callable[[str], None]

    def change(self, edit: Edit) -> None:
        try:
            self.on_method(edit)
        except ClampboardError as error:
            self.on_problem(str(error))

    def with_value(self, key: str, make: Callable[[Method, Any], Method]) -> Callable[[], None]:
        """A widget's callback: the method made of the present one and the widget's value."""
        return lambda: self.change(lambda now: make(now.method, st.session_state[key]))

    def calibrated(
        self, engine: Engine, setting: Setting, rate: float, rule: Rule, ground: Ground
    ) -> Method:
        """The method with its tau found. Raises BadInput where it cannot be."""
        made, calibration = engine.calibrate(setting, rate, rule, ground)
        self.on_found(FoundTau(made, calibration))
        return made.method


def draw_when(
    engine: Engine,
    setting: Setting,
    only: Bool[Tensor, " question"] | None,
    revision: int,
    *,
    found: FoundTau | None,
    problem: str,
    hears: Hears,
) -> None:
    """The card. `setting` is what is in force, by the board's method also where nothing is clamped;
    `only` are the questions the counts are over; `found` is where a tau was found last, and
    `problem` what went wrong before. A new `revision` draws all afresh.
    """
    gate = setting.method.gate
    kind: Kind = "none" if gate is None else gate.kind
    with st.container(border=True):
        st.markdown("**When to act**")
        key = f"gate_kind_{revision}"
        st.segmented_control(
            "Act",
            list(KINDS),
            default=kind,
            format_func=KINDS.__getitem__,
            key=key,
            required=True,
            label_visibility="collapsed",
            on_change=lambda: hears.change(
                lambda now: _with_gate(engine, now, st.session_state[key], hears)
            ),
        )
        st.caption(EXPLAINED[kind])
        if gate is not None and not setting:
            st.caption("Clamp a feature: the gate is about the clamped ones.")
        opened = engine.opening(setting)
        if opened is not None:
            _draw_gate(engine, opened, only, revision, hears)
            _draw_finding(engine, hears)
            st.caption(_stands(engine, setting, opened, found))
        if problem:
            st.warning(plain(problem))
        with st.expander("What it writes"):
            _draw_writing(setting.method, revision, engine.d_sae, hears)


def _draw_gate(
    engine: Engine,
    opened: Opening,
    only: Bool[Tensor, " question"] | None,
    revision: int,
    hears: Hears,
) -> None:
    gate, key = opened.gate, f"gate_picture_{revision}"

    def strip(role: Literal["forget", "retain"]) -> Strip:
        titles = [s.title for s in engine.sets if s.role == role]
        mine = engine.sets.role(role) if only is None else engine.sets.role(role) & only
        named = titles[0] if len(titles) == 1 else "the other sets" if role == "retain" else role
        return Strip(role, named, opened.of_row[mine])

    def moved(now: Setting) -> Method:
        at = now.method.gate
        return now.method if at is None else _with(now.method, tau=edited(at, key))

    draw_picture(gate, [strip("forget"), strip("retain")], key, lambda: hears.change(moved))
    if gate.kind == "window":
        width = f"gate_width_{revision}"
        st.number_input(
            "Positions of a window",
            1,
            MAX_WIDTH,
            gate.width,
            key=width,
            on_change=hears.with_value(width, lambda method, n: _with(method, width=int(n))),
        )


def _draw_finding(engine: Engine, hears: Hears) -> None:
    with st.expander("Find tau"):
        st.caption(
            "Puts tau where only so many of what should stay closed are above it. "
            "Held-out questions never set it."
        )
        with st.container(horizontal=True):
            st.number_input(
                "False alarms, %", 0.01, 50.0, 100 * FIRST_RATE, key="gate_rate", width=120
            )
            st.selectbox("By", ["quantile", "conformal"], key="gate_rule", width=130)
        st.selectbox("On", list(GROUNDS), format_func=GROUNDS.__getitem__, key="gate_ground")
        # What the boxes hold when it is pressed may be newer than what was drawn.
        asked = st.session_state
        st.button(
            "Find tau",
            key="gate_find",
            on_click=lambda: hears.change(
                lambda now: hears.calibrated(
                    engine, now, asked.gate_rate / 100, asked.gate_rule, asked.gate_ground
                )
            ),
        )


def _stands(engine: Engine, setting: Setting, opened: Opening, found: FoundTau | None) -> str:
    """On what tau stands: where it was found for this very gate, or what it opens of the questions
    it may be found on.
    """
    if found is not None and found.is_of(setting):
        return found.calibration.in_words()
    mine = engine.sets.role("retain") & engine.half("selection")
    n, n_open = int(mine.sum()), int((opened.rows[mine] > 0).sum())
    return f"Of the {n:,} retain questions of the selection half it opens {n_open}."


def _draw_writing(method: Method, revision: int, d_sae: int, hears: Hears) -> None:
    st.caption(
        f"Now: {in_words(replace(method, gate=None)) or 'each feature, where it fires itself'}."
    )
    theta, reach, norm = (f"write_{name}_{revision}" for name in ("threshold", "reach", "norm"))
    st.number_input(
        "A feature fires above",
        0.0,
        MAX_VALUE,
        method.threshold,
        key=theta,
        help="Raw activation units; 0 is the paper's.",
        on_change=hears.with_value(theta, lambda now, value: replace(now, threshold=value)),
    )
    st.segmented_control(
        "Where one fires, set",
        ["firing", "all"],
        default=method.reach,
        key=reach,
        required=True,
        disabled=method.refusal is not None and method.refusal.alone,
        format_func={"firing": "those that fire", "all": "all that are clamped"}.__getitem__,
        on_change=hears.with_value(reach, lambda now, value: replace(now, reach=value)),
    )
    _draw_refusal(method.refusal, revision, d_sae, hears)
    st.toggle(
        "Keep the residual's length",
        method.keep_norm,
        key=norm,
        help="The edited residual is rescaled to the length it had.",
        on_change=hears.with_value(norm, lambda now, value: replace(now, keep_norm=value)),
    )


def _draw_refusal(refusal: Refusal | None, revision: int, d_sae: int, hears: Hears) -> None:
    on, latent, value, alone = (
        f"write_{name}_{revision}" for name in ("refusal", "latent", "value", "alone")
    )

    def set_latent(**fields: Any) -> Callable[[Method], Method]:
        return lambda now: (
            now if now.refusal is None else replace(now, refusal=replace(now.refusal, **fields))
        )

    st.toggle(
        "Set another feature there (a refusal latent)",
        refusal is not None,
        key=on,
        on_change=hears.with_value(
            on, lambda now, chosen: replace(now, refusal=Refusal(0, 0.0) if chosen else None)
        ),
    )
    if refusal is None:
        return
    with st.container(horizontal=True):
        st.number_input(
            "Feature",
            0,
            d_sae - 1,
            refusal.feature,
            key=latent,
            on_change=hears.with_value(latent, lambda now, n: set_latent(feature=int(n))(now)),
        )
        st.number_input(
            "Set to, raw",
            -MAX_VALUE,
            MAX_VALUE,
            refusal.value,
            key=value,
            on_change=hears.with_value(value, lambda now, v: set_latent(value=v)(now)),
        )
    st.toggle(
        "Instead of the clamped features",
        refusal.alone,
        key=alone,
        on_change=hears.with_value(alone, lambda now, chosen: set_latent(alone=chosen)(now)),
    )


def _with(method: Method, **fields: Any) -> Method:
    """With another tau or width of its gate, if it has one."""
    return method if method.gate is None else replace(method, gate=replace(method.gate, **fields))


def _with_gate(engine: Engine, now: Setting, kind: Kind, hears: Hears) -> Method:
    """The method with a gate of this kind, its tau at FIRST_RATE where there are clamps."""
    if kind == "none":
        return replace(now.method, gate=None)
    width = now.method.gate.width if now.method.gate is not None else WIDTH
    new = replace(now.method, gate=Gate(kind, 0.0, width))
    if not now:
        return new
    return hears.calibrated(engine, Setting(now.clamps, new), FIRST_RATE, "quantile", "questions")
