"""One feature: how often it fires, on what text, what it promotes, and what clamping it does."""

import json
from functools import partial

import streamlit as st

from backend import showcase
from backend.engine.engine import Engine
from backend.experiments.dose import MULTIPLES, dose_curve
from backend.interventions.board import Slider
from backend.interventions.clamps import value_of
from backend.interventions.method import PAPER, in_words
from backend.reading.feature_page import FeaturePage, feature_page
from backend.reading.neuronpedia import feature_json
from components import resources, state
from components.clamping.sliders import START, new_slider
from components.features.examples import draw_examples
from components.features.firing import draw_densities, draw_firing
from components.features.label_editor import draw_label_editor
from components.features.neighbours import draw_neighbours
from components.features.own_text import draw_own_text
from components.features.questions import draw_questions
from components.figures.dose import GrowingCurve
from components.frame import require_frame
from components.messages import show_errors
from components.wording import plain

require_frame()
N_EXAMPLES = 20


def step(by: int, n_features: int) -> None:
    state.open_feature((state.feature() + by) % n_features)


def go(key: str) -> None:
    if (number := st.session_state[key]) is not None:
        state.open_feature(int(number))


def draw_heading(engine: Engine, page: FeaturePage) -> None:
    st.title(f"Feature {page.feature}")
    st.subheader(plain(page.label or "No label"), anchor=False)
    if not page.label:
        st.caption(f"It fires on: {plain(', '.join(page.top_tokens)) or 'nothing in the corpora'}")
    place = "label"
    draw_label_editor(engine.atlas, page.feature, state.said(place), partial(state.say, place))


def draw_ways(engine: Engine, page: FeaturePage) -> None:
    """To the features beside it, to the clamp page, and out of the app."""
    number = f"feature_number_{page.feature}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            key="feature_previous",
            on_click=step,
            args=(-1, page.n_features),
        )
        st.number_input(
            "Feature number",
            0,
            page.n_features - 1,
            page.feature,
            1,
            key=number,
            on_change=go,
            args=(number,),
            width=150,
        )
        st.button(
            "Next",
            icon=":material/chevron_right:",
            key="feature_next",
            on_click=step,
            args=(1, page.n_features),
        )
        clamped = page.feature in state.board().features()
        if st.button(
            "Clamped: go there" if clamped else "Clamp this",
            icon=":material/tune:",
            type="primary",
            key="feature_clamp",
        ):
            if not clamped:
                state.add_sliders(new_slider(page.feature, page.max_act))
            st.switch_page("pages/clamp.py")
        st.download_button(
            "JSON",
            lambda: json.dumps(feature_json(engine, page), ensure_ascii=False),
            f"feature-{page.feature}.json",
            "application/json",
            key="feature_json",
            icon=":material/download:",
            on_click="ignore",
            help="All of this page in Neuronpedia's form",
        )
        if page.neuronpedia:
            st.link_button("Neuronpedia", page.neuronpedia, icon=":material/open_in_new:")


def draw_clamp_at(page: FeaturePage) -> None:
    """A strength of the curve, to be clamped at."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        strength = st.select_slider(
            "Strength",
            sorted(MULTIPLES),
            START,
            format_func=lambda m: f"{m:+g}x",
            key="feature_strength",
        )
        if st.button(f"Clamp at {strength:+g}x", key="feature_clamp_at", icon=":material/tune:"):
            state.add_sliders(Slider(page.feature, value_of(strength, page.max_act)))
            st.switch_page("pages/clamp.py")


with show_errors():
    engine = resources.engine()
    state.start(engine.d_sae)
    page = feature_page(engine, state.feature(), N_EXAMPLES)
if state.link_error():
    st.warning(plain(state.link_error()), icon=":material/link_off:")
draw_heading(engine, page)
draw_ways(engine, page)
state.write_address(feature=str(page.feature))

left, right = st.columns([3, 2], gap="large")
with left:
    draw_firing(page)
    draw_examples(page)
    draw_neighbours(page, state.open_feature)
    draw_own_text(engine, page.feature, page.max_act)
with right:
    st.subheader("Forget against retain", anchor=False)
    draw_densities(page, [s.corpus for s in engine.atlas.corpora])
    st.subheader("Dose curve", anchor=False)
    method = state.board().method
    if method != PAPER:
        st.caption(f"Of this feature alone, by the board's method: {in_words(method)}.")
    dose_place = st.empty()
    draw_clamp_at(page)
    draw_questions(engine, page)

with show_errors():
    if page.questions:
        curve = GrowingCurve(dose_place, 0 if showcase.is_on() else len(MULTIPLES))
        for dose in dose_curve(
            engine,
            page.feature,
            on_partial=curve.on_partial,
            on_wait=curve.on_wait,
            method=method,
        ):
            curve.add(dose)
    else:
        dose_place.caption(
            "This feature fires on no question where it could change the answer: "
            "clamping it changes none."
        )
