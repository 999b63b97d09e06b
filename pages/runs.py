"""What was tried: every setting with its result, one click back to each, two side by side; and the
studies that ran elsewhere.
"""

from functools import partial

import streamlit as st

from backend.data.published import published_points
from backend.engine.engine import Engine
from backend.evaluation.history import board_of_run, trial_table
from backend.experiments.shares import controlled, shares_in_words
from backend.interventions.board import board_of
from backend.interventions.method import Setting
from backend.studies import finished_studies
from components import state
from components.frame import require_frame
from components.messages import show_errors
from components.runs.chosen import draw_chosen
from components.runs.shared import draw_whose
from components.runs.table import draw_filters, draw_table, narrowed, with_words
from components.runs.trials import draw_chart, trial_names
from components.runs.versus import draw_pins
from components.session import begin
from components.studies.view import draw_studies
from components.visits import visitor

require_frame()
TRIED, STUDIES = "Settings tried", "Studies"
COMPARE = "compare"  # in the address: A and B come first


def open_setting(setting: Setting) -> None:
    state.set_board(board_of(*setting))
    st.switch_page("pages/clamp.py")


def compare(setting: Setting) -> None:
    """The setting as A, the board's as B."""
    state.pin("A", setting)
    state.pin("B", state.board().setting())


def shares(engine: Engine, settings: list[Setting]) -> dict[Setting, str]:
    """What is known of controls; looked up again when more were run."""
    known = controlled(engine, settings)
    return state.kept("shares", tuple(known), partial(shares_in_words, engine, known))


def draw_tried(engine: Engine) -> None:
    trials = engine.history.trials(swept=True)
    draw_whose()
    if not trials:
        st.info("Nothing was tried yet. Every setting you evaluate on the Clamp page is kept here.")
        st.page_link("pages/clamp.py", label="Clamp", icon=":material/tune:")
        return
    first = st.container()
    by_id = {t.id: t for t in trials}
    names = trial_names(trials, engine.name_of)
    swept = sum(t.swept for t in trials)
    held_out = engine.history.trials(engine.half("held-out"), swept=True)
    table = narrowed(
        trial_table(trials, names, engine.max_act, held_out),
        *draw_filters({t.kind for t in trials}, swept),
    )
    if table.empty:
        st.info(
            f"None of the {len(trials)} settings tried matches. "
            "Empty the fields above to see all of them."
        )
        return
    here = state.board().setting()
    listed = [by_id[id_] for id_ in table["id"]]
    dot = draw_chart(
        listed,
        names,
        next((t.id for t in listed if t.run.setting == here), None),
        engine.history.baseline(),
        f"runs_chart_{len(table)}",
        published_points(engine.setup),
        engine.max_act,
    )
    known = shares(engine, [t.run.setting for t in trials])
    controls = {t.id: known[t.run.setting] for t in trials if t.run.setting in known}
    chosen = draw_table(with_words(table, controls)) or dot
    if chosen is not None and chosen in set(table["id"]):
        trial = by_id[chosen]
        results = engine.swept if trial.swept else engine.results
        other = trial.run.setting != here and engine.finished(here) is not None
        if draw_chosen(trial, names[chosen], results, state.pin, compare if other else None):
            state.set_board(board_of_run(trial.run, engine.d_sae, state.board()))
            st.switch_page("pages/clamp.py")
    else:
        st.caption(
            "Select a row, or a dot of the chart, to go back to it, to name it, "
            "or to compare it with the board."
        )
    called = {t.run.setting: names[t.id] for t in trials}
    with first if COMPARE in st.query_params else st.container():
        draw_pins(engine, state.pins(), called, on_pin=state.pin)


with show_errors():
    engine = begin()
st.title("Runs")
# Not bound to the address by `bind`: st.switch_page would then lead nowhere (Streamlit 1.67).
view = st.segmented_control(
    "View",
    [TRIED, STUDIES],
    default=STUDIES if "studies" in st.query_params else TRIED,
    key="runs_view",
    persist_state="session",
    required=True,
    label_visibility="collapsed",
)
address = {"studies": ""} if view == STUDIES else {}
st.query_params.from_dict(address | ({COMPARE: ""} if COMPARE in st.query_params else {}))
with show_errors():
    if view == STUDIES:
        draw_studies(engine, finished_studies(), on_open=open_setting)
    else:
        draw_tried(engine)
engine.visits.keep(visitor(), state.visit())
