"""Move sliders; see what the model still knows.

The evaluation is the last thing of the page, so that a new position stops the old run.
"""

from dataclasses import replace
from functools import partial

import streamlit as st
from jaxtyping import Bool
from torch import Tensor

from backend import showcase
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.answers import question_table
from backend.evaluation.evaluate import Evaluation
from backend.evaluation.history import board_of_run
from backend.evaluation.lights import lights
from backend.experiments.text_loss import text_loss
from backend.interventions.board import Board, board_of, write_link
from backend.interventions.method import NOTHING, Setting, checked_method
from backend.reading.seen import see
from backend.sharing.run_file import RunFile
from components import resources, state
from components.clamping.add_feature import draw_add_feature
from components.clamping.arrange import draw_arrange
from components.clamping.foot import draw_foot
from components.clamping.presets import draw_presets, draw_start
from components.clamping.sliders import draw_sliders, edited, new_slider, reset
from components.clamping.take_away import draw_opened, draw_take_away
from components.clamping.when import Edit, Hears, draw_when
from components.figures.board import GrowingBoard
from components.figures.controls import draw_controls
from components.figures.dilution import draw_dilution
from components.figures.lights import draw_lights
from components.figures.loss import draw_loss, draw_loss_progress
from components.figures.sureness import draw_go_on, draw_stop_early
from components.figures.sweep import draw_sweep
from components.frame import require_frame
from components.messages import show_errors, show_problem
from components.questions.table import draw_questions
from components.questions.view import draw_orders, draw_question_view
from components.wording import plain

require_frame()


def in_half(engine: Engine) -> Bool[Tensor, " question"] | None:
    """The questions the figures are over; None for all of them."""
    half = state.half()
    return None if half == "all" else engine.half(half)


def sliders_key() -> str:
    return f"clamp_sliders_{state.revision()}"


def keep_edit() -> None:
    state.set_board(edited(state.board(), sliders_key()), redraw=False)


def add(engine: Engine, feature: int) -> None:
    if feature not in state.board().features():
        state.add_slider(new_slider(feature, engine.atlas.about(feature)["max_act"]))


def reset_all(engine: Engine) -> None:
    state.set_board(reset(state.board(), engine.atlas.about))


def remove_all() -> None:
    state.set_board(Board())


def save_preset(engine: Engine, name: str) -> None:
    engine.saved_presets.save(name, state.board())


def put(setting: Setting) -> None:
    state.set_board(board_of(*setting))


def set_method(engine: Engine, edit: Edit) -> None:
    """Raises BadMethod, and what `edit` raises."""
    board = state.board()
    method = edit(in_force(board))
    checked = checked_method(method, engine.d_sae)
    state.set_board(replace(board, method=checked), redraw=checked != method)


def in_force(board: Board) -> Setting:
    """The board's setting, by its method also where nothing is clamped."""
    return Setting(board.setting().clamps, board.method)


def set_sure_to(points: float | None) -> None:
    state.set_sure_to(points)
    st.rerun()


def is_enough(engine: Engine, evaluation: Evaluation) -> bool:
    """Whether the run may stop there."""
    points = state.sure_to()
    if points is None or state.wants_all() == evaluation.setting:
        return False
    return engine.sure_to(evaluation, in_half(engine)) <= points


def draw_sample(
    engine: Engine, evaluation: Evaluation, only: Bool[Tensor, " question"] | None
) -> None:
    """Figures of a run that stopped early; the page ends there."""
    figures.draw(evaluation, stopped=True)
    left = evaluation.affected & ~evaluation.done
    with checks:
        draw_go_on(int(left.sum()), partial(state.want_all, evaluation.setting))
    draw_ways_back(engine, evaluation.setting, only)
    st.stop()


def open_file(name: str, found: RunFile | BadInput) -> None:
    state.set_opened(name, found)
    if isinstance(found, RunFile):
        state.set_half(found.half)
        state.set_board(found.board)


def remember(engine: Engine, setting: Setting) -> None:
    """Keep the board with its result, and what was expected of it; that is then taken."""
    with show_problem():
        if engine.results.remember(setting, write_link(state.board()), *state.hypothesis()):
            state.expect("")


def draw_ways_back(
    engine: Engine, setting: Setting, only: Bool[Tensor, " question"] | None
) -> None:
    """Everything tried; a setting that is chosen there goes onto the board."""
    back = draw_foot(
        engine,
        setting,
        only,
        revision=state.revision(),
        pins=state.pins(),
        expected=state.hypothesis(),
        on_pin=state.pin,
        on_expect=state.expect,
    )
    if back is not None:
        state.set_board(board_of_run(back, engine.d_sae))
        st.rerun()


def draw_never_tried(
    engine: Engine, setting: Setting, only: Bool[Tensor, " question"] | None
) -> None:
    """In the place of figures that a showcase does not have; the page ends there."""
    figures.draw(state.shown() or engine.evaluate(NOTHING), stale=True)
    with checks:
        st.info("These clamps were never tried here. Go back to a setting that was, below.")
    draw_ways_back(engine, setting, only)
    st.stop()


with show_errors():
    engine = resources.engine()
    state.start(engine.d_sae)

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
        draw_presets(
            engine,
            state.said("presets"),
            on_load=state.set_board,
            on_save=partial(save_preset, engine),
            on_problem=partial(state.say, "presets"),
        )
    take_away = st.empty()
# Of settings whose figures are not there yet there is nothing to take.
take_away.button("Take away", icon=":material/ios_share:", disabled=True)
notice = st.container()
if state.link_error():
    st.warning(plain(state.link_error()), icon=":material/link_off:")

left, right = st.columns([9, 14], gap="large")
with left:
    board = state.board()
    st.subheader(
        "Features", help="A clamp sets a feature to the chosen value at every token where it fires."
    )
    draw_add_feature(engine.atlas, engine.d_sae, board.features(), partial(add, engine))
    if board.sliders:
        arrangement = draw_arrange(
            engine, board, on_reset=partial(reset_all, engine), on_remove=remove_all
        )
        looked_at = draw_sliders(
            board,
            engine.atlas.about,
            arrangement,
            sliders_key(),
            keep_edit,
            engine.residual_unit,
        )
        if looked_at is not None:
            state.open_feature(looked_at)
            st.switch_page("pages/feature.py")
        draw_when(
            engine,
            in_force(board),
            in_half(engine),
            state.revision(),
            found=state.found_tau(),
            problem=state.said("when"),
            hears=Hears(
                on_method=partial(set_method, engine),
                on_found=state.set_found_tau,
                on_problem=partial(state.say, "when"),
            ),
        )
    else:
        draw_start(engine, on_load=state.set_board)

with right:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("What the model still knows")
        chosen = st.segmented_control(
            "Questions",
            state.HALVES,
            default=state.half(),
            key=f"clamp_half_{state.revision()}",
            label_visibility="collapsed",
            help=(
                "Tune on the selection half, report the held-out half: "
                "figures chosen on the questions they are reported on flatter."
            ),
        )
        state.set_half(chosen or "all")
        state.write_address()
        draw_stop_early(state.sure_to(), on_change=set_sure_to)
    half = state.half()
    only = in_half(engine)
    figures = GrowingBoard(st.empty(), engine, only)
    loss_place = st.empty()
    checks = st.container()
    controls = st.container()
st.divider()
questions = st.container()

with show_errors():
    setting = engine.check(board.setting())
    if showcase.is_on() and engine.finished(setting) is None:
        draw_never_tried(engine, setting, only)
    before = state.shown() or engine.evaluate(NOTHING, on_wait=figures.on_wait)
    if before.setting != setting:
        figures.draw(before, stale=True)
    evaluation = engine.evaluate(
        setting, figures.on_partial, figures.on_wait, enough=partial(is_enough, engine)
    )
    state.set_shown(evaluation)
    if not evaluation.complete:
        draw_sample(engine, evaluation, only)
    figures.draw(evaluation)
    with notice:
        draw_opened(engine, evaluation, *state.opened())
    with take_away.container(width="content"):
        draw_take_away(engine, evaluation, board, half, state.link(), on_open=open_file)
    opened = engine.opening(setting)
    with checks:
        draw_lights(
            lights(
                engine.sets,
                engine.recording,
                engine.sae.W_dec,
                evaluation,
                engine.setup.scoring == "letter",
                only,
                opened,
            )
        )
        if opened is not None:
            draw_dilution(
                engine,
                setting,
                state.work("dilution"),
                partial(state.kept, "dilution", setting),
            )
    with questions:
        st.subheader("Lost and gained")
        table = question_table(engine.sets, engine.recording, engine.tokenizer, evaluation, opened)
        shown = table if only is None else table[only.tolist()]
        place = draw_questions(shown, setting.features, engine.atlas.name)
        if place is not None:
            draw_question_view(see(engine, place, setting.features, evaluation.scores, setting))
            draw_orders(engine, place, setting)
    st.divider()
    remember(engine, setting)
    draw_ways_back(engine, setting, only)
    loss = None
    with loss_place.container(), show_problem():
        loss = text_loss(engine, setting, partial(draw_loss_progress, st.empty()))
    if loss is not None:
        with loss_place.container():
            draw_loss(loss)
    if setting:
        with controls, show_problem():
            draw_controls(engine, evaluation, only, state.work("controls"))
    st.divider()
    draw_sweep(
        engine, evaluation, board.features(), board.method, only, state.work("sweep"), on_take=put
    )
