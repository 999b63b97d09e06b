"""What was tried: every setting with its result, one click back to each, two side by side."""

from dataclasses import replace

import streamlit as st

from backend.data.published import published_points
from backend.evaluation.history import (
    Trial,
    questions_side_by_side,
    settings_side_by_side,
    trial_table,
    versus,
)
from components import resources, state
from components.clamping.foot import go_back
from components.frame import require_frame, show_errors
from components.runs.trials import draw_chart, draw_versus, trial_names

require_frame()
COLUMNS = [
    "star",
    "name",
    "features",
    "values",
    "forget",
    "retain",
    "hypothesis",
    "note",
    "when",
    "clamps",
]


def draw_one(trial: Trial, name: str) -> None:
    """What the user can do with one run, and what was written about it."""
    run = trial.run
    st.subheader(name, anchor=False)
    st.caption(
        f"forget {trial.forget.percent:.1f} % of {trial.forget.n}, retain"
        f" {trial.retain.percent:.1f} % of {trial.retain.n} · {run.seconds:.1f} s to compute"
    )
    with st.container(horizontal=True):
        if st.button("Go back to this setting", icon=":material/undo:", type="primary"):
            go_back(run, engine.sae.d_sae)
            st.switch_page("pages/clamp.py")
        for which in state.PINS:
            st.button(
                f"Pin as {which}",
                icon=":material/push_pin:",
                on_click=state.pin,
                args=(which, run.clamps),
            )
        with st.popover("Delete", icon=":material/delete:"):
            st.write(
                "The figures can be computed again; name, note and expectation cannot be brought"
                " back."
            )
            if st.button("Delete this run", key="runs_delete"):
                engine.results.forget(run.clamps)
                st.rerun()
    with st.form(f"runs_note_{run.id}"):
        new_name = st.text_input("Name", run.name, max_chars=80)
        note = st.text_area("Note", run.note, max_chars=2000, height=80)
        if run.hypothesis:
            st.caption("Expected, written before it ran:")
            st.text(run.hypothesis)
        star = st.checkbox("Star", run.star)
        if st.form_submit_button("Keep"):
            with show_errors():
                if (now := engine.results.read(run.clamps)) is not None:
                    engine.results.annotate(
                        replace(now, name=new_name.strip(), note=note.strip(), star=star)
                    )
            st.rerun()


def draw_pins() -> None:
    pinned = [engine.finished(clamps) if clamps is not None else None for clamps in state.pins()]
    st.subheader("A and B")
    with st.container(horizontal=True, vertical_alignment="center"):
        for which, clamps, evaluation in zip(state.PINS, state.pins(), pinned, strict=True):
            st.text(f"{which}: {called(clamps) if evaluation else 'nothing pinned'}")
            if evaluation:
                st.button(f"Unpin {which}", on_click=state.pin, args=(which, None), type="tertiary")
    if None in pinned:
        st.caption(
            "Pin two settings, here or at the foot of the Clamp page, to see them question by"
            " question."
        )
        return
    a, b = pinned
    settings = settings_side_by_side(a.clamps, b.clamps)
    settings.insert(1, "label", [engine.atlas.name(f) for f in settings["feature"]])
    draw_versus(versus(engine.sets, a, b), settings, questions_side_by_side(engine.sets, a, b))


def called(clamps) -> str:
    return next((names[t.id] for t in trials if t.run.clamps == clamps), "")


with show_errors():
    engine = resources.engine()
    state.start(engine.sae.d_sae)
st.title("Runs")
trials = engine.history.trials()
if not trials:
    st.info("Nothing was tried yet. Every setting you evaluate on the Clamp page is kept here.")
    st.page_link("pages/clamp.py", label="Clamp", icon=":material/tune:")
    st.stop()
names = trial_names(trials, engine.atlas.name, engine.preset_titles)
current = next((t.id for t in trials if t.run.clamps == state.board().clamps()), None)
with st.container(horizontal=True, vertical_alignment="bottom"):
    words = (
        st.text_input(
            "Find",
            key="runs_find",
            placeholder="in name, note, expectation or clamps",
            max_chars=80,
        )
        .strip()
        .lower()
    )
    only = st.pills("Only", ["starred", "on the front"], selection_mode="multi", key="runs_only")
whole = trial_table(trials, names)
table = whole[whole["star"]] if "starred" in only else whole
table = table[table["front"]] if "on the front" in only else table
if words:
    table = table[
        [
            words in " ".join(map(str, row)).lower()
            for row in table[["name", "note", "hypothesis", "clamps"]].itertuples(index=False)
        ]
    ]
if table.empty:
    st.info(
        f"None of the {len(trials)} settings tried matches. Empty the fields above to see all of"
        " them."
    )
    st.stop()
kept = set(table["id"])
dot = draw_chart(
    [t for t in trials if t.id in kept],
    names,
    current,
    engine.history.baseline(),
    f"runs_chart_{len(table)}",
    published_points(engine.setup),
)
event = st.dataframe(
    table,
    hide_index=True,
    width="stretch",
    on_select="rerun",
    selection_mode="single-row",
    column_order=COLUMNS,
    key=f"runs_table_{hash(tuple(table['id']))}",  # another list is another table: a row's number would select another run in it
    column_config={
        "star": st.column_config.CheckboxColumn("★", width="small"),
        "forget": st.column_config.NumberColumn("Forget", format="%.1f %%"),
        "retain": st.column_config.NumberColumn("Retain", format="%.1f %%"),
        "features": "Features",
        "name": "Name",
        "values": "Values",
        "note": "Note",
        "when": "When",
        "hypothesis": "Expected",
        "clamps": "Clamps (feature:value)",
    },
)
st.download_button(
    "This table as CSV",
    table[COLUMNS].to_csv(index=False).encode(),
    "clampboard_runs.csv",
    "text/csv",
    on_click="ignore",
    icon=":material/download:",
)
row = event.selection.rows
chosen = table["id"].iloc[row[0]] if row else dot
if chosen in kept:
    draw_one(next(t for t in trials if t.id == chosen), names[chosen])
else:
    st.caption(
        "Select a row, or a dot of the chart, to go back to it, to name it, or to put it beside"
        " another."
    )
draw_pins()
