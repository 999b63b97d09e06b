"""Move sliders; see what the model still knows. Evaluates last, so that a new position stops the
old run.
"""

import time

import streamlit as st

from backend.evaluation.answers import margin_changes, question_table
from backend.evaluation.evaluate import Evaluation
from backend.evaluation.lights import lights
from backend.experiments.text_loss import text_loss
from backend.interventions.board import Board
from backend.interventions.presets import PRESETS
from backend.progress import Progress
from backend.reading.seen import see
from components import resources, state
from components.clamping.foot import draw_foot
from components.clamping.presets import draw_presets, load_preset
from components.clamping.sliders import (
    GROUPS,
    ORDERS,
    START,
    draw_sliders,
    edited,
    new_slider,
    reset,
)
from components.clamping.take_away import draw_opened, draw_take_away
from components.figures.board import draw_board
from components.figures.controls import draw_controls
from components.figures.lights import draw_lights
from components.figures.loss import draw_loss
from components.figures.sweep import draw_sweep
from components.frame import require_frame, show_errors, show_problem
from components.questions.table import draw_questions
from components.questions.view import draw_orders, draw_question_view

require_frame()
REDRAW_S = 0.25
MOST_HITS = 8


def edit() -> None:
    state.set_board(edited(state.board(), sliders_key()), redraw=False)


def sliders_key() -> str:
    return f"clamp_sliders_{state.revision()}"


def add(feature: int) -> None:
    if feature not in state.board().features():
        state.add_slider(new_slider(feature, engine.atlas.about(feature)["max_act"]))
    st.session_state.clamp_add = ""


def add_typed() -> None:
    """A feature's number is added at once; words are looked up below."""
    text = st.session_state.clamp_add.strip()
    if text.isdecimal() and text.isascii() and len(text) < 9 and int(text) < engine.sae.d_sae:
        add(int(text))


with show_errors():
    engine = resources.engine()
    state.start(engine.sae.d_sae)

with st.container(horizontal=True, vertical_alignment="bottom"):
    st.title("Clamp")
    st.space("stretch")
    st.button(
        "Undo",
        icon=":material/undo:",
        on_click=state.undo,
        disabled=not state.can_undo(),
        shortcut="Ctrl+Z",
    )
    st.button(
        "Redo",
        icon=":material/redo:",
        on_click=state.redo,
        disabled=not state.can_redo(),
        shortcut="Ctrl+Shift+Z",
    )
    with st.popover("Presets", icon=":material/playlist_add:"):
        draw_presets(engine)
    take_away = st.empty()
take_away.button(
    "Take away", icon=":material/ios_share:", disabled=True
)  # of settings whose figures are not there yet there is nothing to take
notice = st.container()
if state.link_error():
    st.warning(state.link_error(), icon=":material/link_off:")

left, right = st.columns([9, 14], gap="large")
with left:
    sliders = state.board().sliders
    st.subheader(
        "Features", help="A clamp sets a feature to the chosen value at every token where it fires."
    )
    text = st.text_input(
        "Add a feature",
        key="clamp_add",
        on_change=add_typed,
        placeholder="number, or words such as virus",
    )
    if text and not text.strip().isdecimal():
        with show_problem():
            hits = [
                f
                for f in engine.atlas.search(text).hits["feature"].tolist()
                if f not in state.board().features()
            ][:MOST_HITS]
            st.caption("Choose one to add." if hits else f"No other feature matches “{text[:60]}”.")
            with st.container(gap="xsmall"):
                for hit in hits:
                    about = engine.atlas.about(hit)
                    st.button(
                        f"{hit} · {about['name']} · {about['fires_forget']} forget,"
                        f" {about['fires_retain']} retain",
                        key=f"clamp_hit_{hit}",
                        icon=":material/add:",
                        type="tertiary",
                        on_click=add,
                        args=(hit,),
                    )
    elif text:
        st.warning(
            f"There is no feature {text[:20]}: this SAE has features 0 to {engine.sae.d_sae - 1}."
        )
    if sliders:
        with st.container(horizontal=True, vertical_alignment="center"):
            on = sum(s.on for s in sliders)
            preset = engine.preset_titles.get(state.board().clamps())
            st.caption(
                f"{f'“{preset}”: ' if preset else ''}{len(sliders)} clamped after block"
                f" {engine.model.block + 1} of {engine.model.n_blocks}: {on} on,"
                f" {len(sliders) - on} off"
            )
            st.space("stretch")
            raw = (
                st.segmented_control(
                    "Unit",
                    ["x max", "raw"],
                    default="x max",
                    key="clamp_unit",
                    persist_state="session",
                    label_visibility="collapsed",
                    help="Multiples of each feature's maximum activation, or raw activation units.",
                )
                == "raw"
            )
            with st.popover("Arrange", icon=":material/sort:"):
                order = st.selectbox("Sort by", ORDERS, key="clamp_order", persist_state="session")
                group = st.selectbox("Group by", GROUPS, key="clamp_group", persist_state="session")
                st.button(
                    f"Reset all to {START:g}x, on",
                    on_click=lambda: state.set_board(
                        reset(state.board(), engine.atlas.about), redraw=True
                    ),
                    width="stretch",
                )
                st.button(
                    "Remove all",
                    on_click=lambda: state.set_board(Board(), redraw=True),
                    width="stretch",
                )
        opened = draw_sliders(
            state.board(),
            engine.atlas.about,
            sliders_key(),
            raw=raw,
            order=order,
            group=group,
            on_edit=edit,
        )
        if opened is not None:
            state.open_feature(opened)
            st.switch_page("pages/feature.py")
    else:
        st.write(
            "A feature stands for something the model notices as it reads. Clamp some, and see on"
            " the right at once what the model no longer knows (sets to forget) and what that cost"
            " (sets to retain). Start with a preset, or find features by keyword."
        )
        st.caption(PRESETS["forget-biology"].how)
        st.button(
            "Forget biology",
            icon=":material/tune:",
            type="primary",
            on_click=load_preset,
            args=(engine, "forget-biology"),
        )
        st.page_link("pages/search.py", label="Search features", icon=":material/search:")

with right:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("What the model still knows")
        over = (
            st.segmented_control(
                "Questions",
                state.HALVES,
                default=state.half(),
                key=f"clamp_half_{state.revision()}",
                label_visibility="collapsed",
                help=(
                    "Tune on the selection half, report the held-out half: figures chosen on the"
                    " questions they are reported on flatter."
                ),
            )
            or "all"
        )
        state.set_half(over)
        state.write_address()
    panel, loss_place = st.empty(), st.empty()
    checks, controls = st.container(), st.container()
st.divider()
questions = st.container()
drawn_at = 0.0


only = None if over == "all" else engine.half(over)


def draw(evaluation: Evaluation, *, stale: bool = False) -> None:
    margins = margin_changes(engine.sets, evaluation, only) if evaluation.complete else {}
    with panel.container():
        draw_board(
            evaluation if only is None else engine.restrict(evaluation, only), margins, stale=stale
        )


def draw_partial(evaluation: Evaluation) -> None:
    global drawn_at
    if not evaluation.complete and time.monotonic() - drawn_at > REDRAW_S:
        draw(evaluation)
        drawn_at = time.monotonic()


def draw_wait(progress: Progress) -> None:
    with panel.container():
        st.caption(f"{progress.stage}…")


with show_errors():
    clamps = engine.check(state.board().clamps())
    if (before := state.shown() or engine.evaluate(())).clamps != clamps:
        draw(before, stale=True)
    evaluation = engine.evaluate(clamps, draw_partial, draw_wait)
    state.set_shown(evaluation)
    draw(evaluation)
    with notice:
        draw_opened(engine, evaluation)
    with take_away.container(width="content"):
        draw_take_away(engine, evaluation)
    with checks:
        letters = engine.setup.scoring == "letter"
        draw_lights(
            lights(
                engine.sets,
                engine.recording,
                engine.sae.W_dec,
                evaluation,
                letters,
                only,
            )
        )
    with questions:
        st.subheader("Lost and gained")
        table = question_table(engine.sets, engine.recording, engine.model.tokenizer, evaluation)
        clamped = [clamp.feature for clamp in clamps]
        place = draw_questions(
            table if only is None else table[only.tolist()], clamped, engine.atlas.name
        )
        if place is not None:
            draw_question_view(see(engine, place, clamped, evaluation.scores))
            draw_orders(engine, place, clamps)
    st.divider()
    draw_foot(engine, clamps, only)
    loss = text_loss(
        engine,
        clamps,
        lambda progress: loss_place.caption(
            f"{progress.stage}: {progress.done} of {progress.total} rows…"
        ),
    )
    if loss is not None:
        with loss_place.container():
            draw_loss(loss)
    if clamps:
        with controls, show_problem():
            draw_controls(engine, evaluation, only)
    st.divider()
    draw_sweep(engine, evaluation, state.board(), only)
