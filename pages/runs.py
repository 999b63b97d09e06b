"""What was tried: every setting with its result, one click back to each, two side by side."""

import streamlit as st

from backend.data.published import published_points
from backend.evaluation.history import board_of_run, trial_table
from components import resources, state
from components.frame import require_frame
from components.messages import show_errors
from components.runs.chosen import draw_chosen
from components.runs.table import draw_filters, draw_table, narrowed
from components.runs.trials import draw_chart, trial_names
from components.runs.versus import draw_pins

require_frame()

with show_errors():
    engine = resources.engine()
    state.start(engine.d_sae)
st.title("Runs")
trials = engine.history.trials()
if not trials:
    st.info("Nothing was tried yet. Every setting you evaluate on the Clamp page is kept here.")
    st.page_link("pages/clamp.py", label="Clamp", icon=":material/tune:")
    st.stop()
by_id = {t.id: t for t in trials}
names = trial_names(trials, engine.atlas.name, engine.preset_titles)
table = narrowed(trial_table(trials, names), *draw_filters({t.kind for t in trials}))
if table.empty:
    st.info(
        f"None of the {len(trials)} settings tried matches. "
        "Empty the fields above to see all of them."
    )
    st.stop()
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
