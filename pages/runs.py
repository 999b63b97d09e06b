"""What was tried: every setting with its result, one click back to each, two side by side; and the
studies that ran elsewhere.
"""

import streamlit as st

from backend.data.published import published_points
from backend.engine.engine import Engine
from backend.evaluation.history import board_of_run, trial_table
from backend.interventions.board import board_of
from backend.interventions.method import Setting
from backend.studies import finished_studies
from components import resources, state
from components.frame import require_frame
from components.messages import show_errors
from components.runs.chosen import draw_chosen
from components.runs.table import draw_filters, draw_table, narrowed
from components.runs.trials import draw_chart, trial_names
from components.runs.versus import draw_pins
from components.studies.view import draw_studies

require_frame()
TRIED, STUDIES = "Settings tried", "Studies"


def open_setting(setting: Setting) -> None:
    state.set_board(board_of(*setting))
    st.switch_page("pages/clamp.py")


def draw_tried(engine: Engine) -> None:
    trials = engine.history.trials()
    if not trials:
        st.info("Nothing was tried yet. Every setting you evaluate on the Clamp page is kept here.")
        st.page_link("pages/clamp.py", label="Clamp", icon=":material/tune:")
        return
    by_id = {t.id: t for t in trials}
    names = trial_names(trials, engine.atlas.name, engine.preset_titles)
    table = narrowed(trial_table(trials, names), *draw_filters({t.kind for t in trials}))
    if table.empty:
        st.info(
            f"None of the {len(trials)} settings tried matches. "
            "Empty the fields above to see all of them."
        )
        return
    dot = draw_chart(
        [by_id[id_] for id_ in table["id"]],
        names,
        next((t.id for t in trials if t.run.setting == state.board().setting()), None),
        engine.history.baseline(),
        f"runs_chart_{len(table)}",
        published_points(engine.setup),
    )
    chosen = draw_table(table) or dot
    if chosen is not None and chosen in set(table["id"]):
        trial = by_id[chosen]
        if draw_chosen(trial, names[chosen], engine.results, on_pin=state.pin):
            state.set_board(board_of_run(trial.run, engine.d_sae, state.board()))
            st.switch_page("pages/clamp.py")
    else:
        st.caption(
            "Select a row, or a dot of the chart, to go back to it, to name it, "
            "or to put it beside another."
        )
    called = {t.run.setting: names[t.id] for t in trials}
    draw_pins(engine, state.pins(), called, on_pin=state.pin)


with show_errors():
    engine = resources.engine()
    state.start(engine.d_sae)
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
st.query_params.from_dict({"studies": ""} if view == STUDIES else {})
with show_errors():
    if view == STUDIES:
        draw_studies(engine, finished_studies(), on_open=open_setting)
    else:
        draw_tried(engine)
