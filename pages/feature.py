"""One feature: how often it fires, on what text, what it promotes, and what clamping it does."""

import json
from functools import partial

import streamlit as st

from backend import showcase
from backend.engine.engine import Engine
from backend.experiments.dose import MULTIPLES, dose_curve
from backend.features.finding import good_one
from backend.interventions.board import Slider
from backend.interventions.clamps import value_of
from backend.interventions.method import PAPER, in_words
from backend.reading.feature_page import FeaturePage, feature_page
from backend.reading.neuronpedia import feature_json
from backend.wording import multiple
from components import address, state
from components.clamping.sliders import START, new_slider
from components.features.examples import draw_examples
from components.features.firing import draw_densities, draw_firing, draw_rate
from components.features.heading import called, of_what
from components.features.label_editor import draw_label_editor
from components.features.neighbours import draw_neighbours
from components.features.own_text import TRYING, draw_own_text
from components.features.questions import draw_questions
from components.figures.dose import GrowingCurve
from components.frame import require_frame
from components.messages import show_errors
from components.session import begin
from components.wording import plain

require_frame()
COLUMNS = """<style>
.st-key-feature_columns > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"]
  > [data-testid="stColumn"] { min-width: min(100%, 21rem); }
</style>"""  # charts stand below each other where their texts would be cut
N_EXAMPLES = 20


# A line of text under it would be drawn: Streamlit writes every string that stands alone.
HEAD_STYLE = """<style>
.st-key-feature_head h1 { font-size: 1.6rem; line-height: 1.25; padding: 0; }
.st-key-feature_title [data-testid="stMarkdownContainer"] { margin-bottom: 0; }
[data-testid="stLayoutWrapper"]:has(> .st-key-feature_title) { flex: 1 1 17rem; min-width: 0; }
[data-testid="stLayoutWrapper"]:has(> .st-key-feature_of_what) { flex: 1 1 20rem; min-width: 0; }
</style>"""


def step(by: int, n_features: int) -> None:
    state.open_feature(((state.feature() or 0) + by) % n_features)


def go(key: str) -> None:
    if (number := st.session_state[key]) is not None:
        state.open_feature(int(number))


def first_feature(engine: Engine) -> int:
    """The one to show before any was opened: the board's first, else one worth a look."""
    on_board = state.board().features()
    return on_board[0] if on_board else good_one(engine.atlas.table)


def draw_head(engine: Engine, page: FeaturePage) -> None:
    """What it is called, the ways to others and to the clamp page, and where it is from."""
    st.html(HEAD_STYLE)
    with st.container(key="feature_head", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(key="feature_title"):
                st.title(f"{page.feature} · {plain(called(page))}", anchor=False)
            draw_ways(page)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(key="feature_of_what"):
                st.caption(plain(of_what(engine, page.label_source)))
            draw_label_editor(
                engine.atlas, page.feature, state.said("label"), partial(state.say, "label")
            )
            draw_elsewhere(engine, page)


def draw_ways(page: FeaturePage) -> None:
    """To the features beside it and to the clamp page."""
    number = f"feature_number_{page.feature}"
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
        width=120,
        label_visibility="collapsed",
    )
    st.button(
        "Next",
        icon=":material/chevron_right:",
        icon_position="right",
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


def draw_elsewhere(engine: Engine, page: FeaturePage) -> None:
    """All of the page to be taken away, and Neuronpedia's."""
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
            format_func=multiple,
            key="feature_strength",
        )
        if st.button(
            f"Clamp at {multiple(strength)}", key="feature_clamp_at", icon=":material/tune:"
        ):
            state.add_sliders(Slider(page.feature, value_of(strength, page.max_act)))
            st.switch_page("pages/clamp.py")


with show_errors():
    engine = begin()
    state.follow_address(engine.d_sae)
    if state.feature() is None:
        state.open_feature(first_feature(engine))
    page = feature_page(engine, state.feature() or 0, N_EXAMPLES)
if state.link_error():
    st.warning(plain(state.link_error()), icon=":material/link_off:")
head = st.container()
st.html(COLUMNS)
with st.container(key="feature_columns"):
    left, right = st.columns([11, 9], gap="medium")
# Before anything is drawn: who reads the title and goes on finds the way back here.
address.write("feature", state.link() | {"feature": str(page.feature)})
state.written_address(page.feature)
with head:
    draw_head(engine, page)
with left:
    draw_rate(page)
    draw_own_text(engine, page.feature, page.max_act)
    draw_firing(page)
    draw_examples(page, TRYING)
    draw_neighbours(page, state.open_feature)
with right:
    st.header("Forget against retain", anchor=False)
    draw_densities(page, [s.corpus for s in engine.atlas.corpora])
    st.header("Dose curve", anchor=False)
    method = state.board().method
    if method != PAPER:
        st.caption(f"Of this feature alone, by the board's method: {in_words(method)}.")
    dose_place = st.empty()
    draw_clamp_at(page)
    draw_questions(engine, page, TRYING)

with show_errors():
    if page.questions:
        curve = GrowingCurve(
            dose_place, 0 if showcase.is_on() else len(MULTIPLES), name="dose_curve"
        )
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
