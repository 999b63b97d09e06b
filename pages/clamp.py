"""Move sliders; see what the model still knows.

The evaluation is the last thing of the page, so that a new position stops the old run.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st
from jaxtyping import Bool
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from backend import showcase
from backend.engine.engine import Engine
from backend.errors import BadInput, ClampboardError
from backend.evaluation.answers import question_table
from backend.evaluation.beside import beside
from backend.evaluation.evaluate import Evaluation
from backend.evaluation.history import board_of_run
from backend.experiments.text_loss import text_loss
from backend.interventions.board import Board, board_of, write_link
from backend.interventions.method import NOTHING, Setting, checked_method
from backend.interventions.rival import PUSHED, Rival, RivalKind
from backend.reading.seen import see
from backend.rivals.recipe import recipe_of
from backend.rivals.trained import Trained, folder_of
from backend.rivals.training import needs_in_words
from backend.sharing.run_file import RunFile
from components import resources, state
from components.clamping.add_feature import draw_add_feature
from components.clamping.arrange import depth, draw_arrange
from components.clamping.foot import draw_foot
from components.clamping.in_place import draw_in_place
from components.clamping.presets import draw_presets, draw_start
from components.clamping.rivals import draw_rivals
from components.clamping.sliders import draw_sliders, edited, new_slider, reset
from components.clamping.take_away import draw_opened, draw_take_away
from components.clamping.training import draw_train_form, draw_training
from components.clamping.when import Edit, Hears, draw_when
from components.figures.beside import draw_beside, say_meeting
from components.figures.board import GrowingBoard
from components.figures.controls import draw_controls
from components.figures.dilution import draw_dilution
from components.figures.lights import draw_lights
from components.figures.loss import draw_loss, draw_loss_progress
from components.figures.strengths import draw_strengths, run_strengths
from components.figures.sureness import draw_go_on, draw_stop_early
from components.figures.sweep import draw_sweep
from components.frame import require_frame
from components.messages import show_errors, show_problem, showcase_off
from components.progress_bar import saying
from components.questions.table import draw_questions
from components.questions.view import draw_orders, draw_question_view
from components.runs.trials import trial_names
from components.wording import plain

require_frame()


def in_half(engine: Engine) -> Bool[Tensor, " question"] | None:
    """The questions the figures are over; None for all of them."""
    half = state.half()
    return None if half == "all" else engine.half(half)


def sliders_key() -> str:
    return f"clamp_sliders_{state.revision()}"


def keep_edit() -> None:
    state.set_board(replace(edited(state.board(), sliders_key()), rival=None), redraw=False)


def add(engine: Engine, feature: int) -> None:
    if feature not in state.board().features():
        state.add_sliders(new_slider(feature, engine.atlas.about(feature)["max_act"]))


def reset_all(engine: Engine) -> None:
    state.set_board(reset(state.board(), engine.atlas.about))


def remove_all() -> None:
    state.set_board(Board())


def save_preset(engine: Engine, name: str) -> None:
    engine.saved_presets.save(name, state.board())


def put(setting: Setting) -> None:
    state.set_board(board_of(*setting))


def trained_here(engine: Engine) -> list[Trained]:
    """The trained RMUs, shipped ones first; what is wrong with a shipped one is said."""
    with show_problem():
        return engine.rivals.trained()
    return []


def is_shipped(engine: Engine, trained: Trained) -> bool:
    return engine.setup.rmu is not None and trained.path in engine.setup.rmu.models


def put_rival(rival: Rival | None) -> None:
    state.set_board(replace(state.board(), rival=rival))


def choose_rival(engine: Engine, kind: RivalKind, of: str | None) -> None:
    try:
        put_rival(engine.rivals.named(kind, of))
    except ClampboardError as error:
        state.say("rivals", str(error))


def set_strength(strength: float) -> None:
    board = state.board()
    if board.rival is not None:
        rival = replace(board.rival, strength=strength)
        state.set_board(replace(board, rival=rival), redraw=False)


def train(engine: Engine, values: dict[str, Any]) -> None:
    try:
        state.work("rmu").ask(recipe_of(engine.setup.rmu, **values))
    except ClampboardError as error:
        state.say("rivals", str(error))


def draw_all_rivals(engine: Engine, trained: list[Trained]) -> None:
    another = draw_rivals(
        trained,
        sum(is_shipped(engine, one) for one in trained),
        state.said("rivals"),
        partial(choose_rival, engine),
    )
    with another:
        if showcase_off():
            return
        recipe, folder = recipe_of(engine.setup.rmu), folder_of(engine.weights.fingerprint)
        try:
            takes = needs_in_words(engine.model.hf, recipe, folder)
        except ClampboardError as error:  # another recipe may do
            takes = str(error)
        draw_train_form(recipe, takes, partial(train, engine))


def draw_rival(
    engine: Engine, board: Board, rival: Rival, trained: list[Trained]
) -> DeltaGenerator | None:
    """The card in the place of the sliders. Returns the place of a direction's dose curve."""
    recipe = next((one.recipe.in_words for one in trained if one.name == rival.of), "")
    curve = draw_in_place(
        board,
        rival,
        recipe,
        depth(engine),
        state.revision(),
        on_strength=set_strength,
        on_back=partial(put_rival, None),
    )
    if rival.kind not in PUSHED:
        return None
    with curve:
        return draw_strengths(engine, rival, state.work("strengths"))


def put_trained(trained: Trained) -> None:
    put_rival(Rival("rmu", trained.name))


def run_what_is_left(engine: Engine) -> None:
    """Long work that was asked for and has its figures elsewhere: after all that the page shows."""
    rival = state.board().rival
    if rival is not None and strengths_place is not None:
        run_strengths(engine, rival, strengths_place, state.work("strengths"))
    with training:
        draw_training(engine, state.work("rmu"), put_trained)


def draw_against(engine: Engine, evaluation: Evaluation, coming: Setting | None) -> None:
    """The setting on the board beside its rivals; `coming` is one that runs last on the page."""
    trials = engine.history.trials()
    names = trial_names(trials, engine.atlas.name, engine.preset_titles)
    right = evaluation.predictions() == engine.sets.answers
    selection = engine.half("selection")
    found = beside(evaluation.setting, right, trials, names, engine.sets, selection)
    draw_beside(found, coming is not None)


def never_met(engine: Engine, trained: list[Trained]) -> Setting | None:
    """The shipped RMU, if it was never run."""
    shipped = next((one for one in trained if is_shipped(engine, one)), None)
    if shipped is None or showcase.is_on():
        return None
    setting = Setting(rival=Rival("rmu", shipped.name))
    return setting if engine.finished(setting) is None else None


def meet(engine: Engine, rival: Setting) -> None:
    """Runs the shipped RMU once, so that it is in the chart without being asked for."""
    with meeting, show_problem():
        place = st.empty()
        engine.evaluate(rival, partial(say_meeting, place), saying(place))
        st.rerun()


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
    run_what_is_left(engine)
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
        state.set_board(board_of_run(back, engine.d_sae, state.board()))
        st.rerun()


def draw_never_tried(
    engine: Engine, setting: Setting, only: Bool[Tensor, " question"] | None
) -> None:
    """In the place of figures that a showcase does not have; the page ends there."""
    figures.draw(state.shown() or engine.evaluate(NOTHING), stale=True)
    with checks:
        st.info("This setting was never tried here. Go back to one that was, below.")
    draw_ways_back(engine, setting, only)
    st.stop()


with show_errors():
    engine = resources.engine()
    state.start(engine.d_sae)
heading, notice, training = st.container(), st.container(), st.container()
with notice:
    trained = trained_here(engine)
with heading.container(horizontal=True, vertical_alignment="bottom"):
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
    with st.popover("Rivals", icon=":material/compare_arrows:"):
        draw_all_rivals(engine, trained)
    take_away = st.empty()
# Of settings whose figures are not there yet there is nothing to take.
take_away.button("Take away", icon=":material/ios_share:", disabled=True)
if state.link_error():
    st.warning(plain(state.link_error()), icon=":material/link_off:")

strengths_place: DeltaGenerator | None = None
left, right = st.columns([9, 14], gap="large")
with left:
    board = state.board()
    st.subheader(
        "Features", help="A clamp sets a feature to the chosen value at every token where it fires."
    )
    draw_add_feature(engine.atlas, engine.d_sae, board.features(), partial(add, engine))
    if board.rival is not None:
        strengths_place = draw_rival(engine, board, board.rival, trained)
        for _ in range(3):  # the sliders' places: they could be moved as long as the run goes on
            st.empty()
    elif board.sliders:
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
    against = st.container()
    meeting = st.container()
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
    coming = never_met(engine, trained)
    if setting:
        with against:
            draw_against(engine, evaluation, coming)
    opened = engine.opening(setting)
    with checks:
        draw_lights(engine.lights(evaluation, only))
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
            seen = see(engine, place, setting.features, evaluation.scores, setting)
            draw_question_view(seen, rival=setting.rival)
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
    if setting.clamps:
        with controls, show_problem():
            draw_controls(engine, evaluation, only, state.work("controls"))
    if board.rival is None:
        st.divider()
        draw_sweep(
            engine,
            evaluation,
            board.features(),
            board.method,
            only,
            state.work("sweep"),
            on_take=put,
        )
    run_what_is_left(engine)
    if coming is not None:
        meet(engine, coming)
