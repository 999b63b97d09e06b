"""What the setting did, first: a sentence, the scale from these features to general damage, and how
many checks passed.
"""

import html

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.evaluation.evaluate import Evaluation
from backend.evaluation.light import passed
from backend.experiments.damage import Damage
from backend.experiments.verdict import Verdict, falls
from components.wording import plain

STYLE = """<style>
.verdict-row { display: flex; flex-wrap: wrap; gap: .4rem 2.5rem; align-items: flex-start; }
.verdict { flex: 3 1 24rem; font-size: 1.25rem; line-height: 1.35; font-weight: 600; }
.verdict small { display: block; font-size: .95rem; font-weight: 400; margin-top: .2rem; }
.verdict.former { opacity: .6; }
.damage { flex: 2 1 17rem; max-width: 30rem; font-size: .85rem; line-height: 1.35; }
.damage .ends { display: flex; justify-content: space-between; gap: 1rem; }
.damage .line {
  position: relative; height: .55rem; border-radius: .3rem; margin: .35rem 0 .3rem;
  background: linear-gradient(to right, rgba(26, 128, 187, .55), rgba(128, 128, 128, .3) 50%,
    rgba(216, 96, 16, .75));
}
.damage .line i, .damage .line b { position: absolute; transform: translateX(-50%); }
.damage .line i { top: -.15rem; width: 2px; height: .85rem; background: currentColor; opacity: .6; }
.damage .line b {
  top: -.3rem; width: 1.1rem; height: 1.1rem; border-radius: 50%; background: currentColor;
}
.phone-strip { display: none; }
@media (max-width: 640px) {
  .phone-strip {
    display: flex; justify-content: space-around; gap: .6rem; position: fixed; z-index: 99;
    left: 0; right: 0; bottom: 0; padding: .45rem .6rem; font-size: .8rem; text-align: center;
    background: Canvas; color: CanvasText; border-top: 1px solid rgba(128, 128, 128, .5);
  }
  .phone-strip b { display: block; white-space: nowrap; }
}
</style>"""


LOOK = """<style>
[data-testid="stColumn"]:has(.st-key-clamp_side) {
  position: sticky; top: 2.5rem; align-self: flex-start;
  max-height: calc(100vh - 3rem); overflow: hidden auto; scrollbar-width: thin; padding: 0 3px;
}
.st-key-clamp_heading { gap: .5rem; }
.st-key-clamp_heading kbd { display: none; }
@media (max-width: 640px) {
  [data-testid="stColumn"]:has(.st-key-clamp_side) { position: static; max-height: none; }
}
</style>"""
"""Of the Clamp page: the sliders stay in view beside figures that are longer than they are."""


def draw_verdict(
    place: DeltaGenerator,
    verdict: Verdict,
    seen: Evaluation,
    held_out: Evaluation,
    rivals: str = "",
) -> None:
    """`seen`: the figures it is about; `held_out`: the same run over that half. `rivals`: one
    sentence on who forgets more at this cost; empty where none was run.
    """
    with place.container():
        st.html(verdict_html(verdict, rivals) + strip_html(seen, held_out))


def draw_why(place: DeltaGenerator, verdict: Verdict) -> None:
    """How many checks passed; behind it, what the scale is made of."""
    if verdict.damage is None:
        return
    with place.popover(passed(verdict.lights), icon=":material/help:", type="tertiary"):
        _draw_signs(verdict.damage)


def _draw_signs(damage: Damage) -> None:
    st.markdown("\n".join(f"* **{sign.name}**: {plain(sign.finding)}" for sign in damage.signs))
    if damage.missing:
        st.markdown("\n".join(f"* Left out: {plain(missing)}." for missing in damage.missing))
    st.caption(
        "Each is a mark on the scale, in its middle at its limit: 99 % of the retain accuracy "
        "kept, an edit as long as the residual, 0.1 nats a token more on text, half of the loss "
        "with random features or along another direction. The dot is their mean."
    )


def draw_running(place: DeltaGenerator, said: str, former: str = "") -> None:
    """While a run goes on: how far it is, and the former setting's sentence as what it is."""
    with place.container():
        before = f"<small>Before: {html.escape(former)}</small>" if former else ""
        st.html(f'{STYLE}<div class="verdict former">{html.escape(said)}{before}</div>')


def strip_html(seen: Evaluation, held_out: Evaluation) -> str:
    """Three figures that stay in view on a phone, below everything; hidden on wider screens."""
    forget, retain = falls(seen.sets)
    half, _ = falls(held_out.sets)
    figures = ((forget.name, forget), (retain.name, retain), ("held-out", half))
    said = "".join(
        f"<span>{html.escape(name)} <b>{f'{one.before} → ' if seen.setting else ''}"
        f"{one.after} %</b></span>"
        for name, one in figures
    )
    return f'<div class="phone-strip">{said}</div>'


def verdict_html(verdict: Verdict, rivals: str = "") -> str:
    """The sentence, and beside it the scale. All text escaped."""
    more = " ".join(said for said in (verdict.held_out, rivals) if said)
    small = f"<small>{html.escape(more)}</small>" if more else ""
    scale = "" if verdict.damage is None else damage_html(verdict.damage)
    said = f'<div class="verdict">{html.escape(verdict.sentence)}{small}</div>'
    return f'{STYLE}<div class="verdict-row">{said}{scale}</div>'


def damage_html(damage: Damage) -> str:
    """The scale: a dot at the mean, a mark for each sign, and in words where that is."""
    marks = "".join(
        f'<i style="left:{100 * sign.place:.0f}%" title="{html.escape(sign.finding)}"></i>'
        for sign in damage.signs
    )
    said = html.escape(damage.in_words)
    return (
        f'<div class="damage" role="img" aria-label="{said}">'
        '<div class="ends"><span>these features</span><span>general damage</span></div>'
        f'<div class="line">{marks}<b style="left:{100 * damage.place:.0f}%"></b></div>'
        f"<div>{said}</div></div>"
    )
