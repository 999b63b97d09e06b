"""Move sliders; see what the model still knows.

The evaluation comes after all that can be drawn before it, so that a new position stops the old
run; what can wait for its figures comes after it.
"""

from functools import partial

import streamlit as st
from jaxtyping import Bool
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from backend import showcase
from backend.engine.engine import Engine
from backend.evaluation.answers import question_table
from backend.evaluation.beside import Beside, beside, foremost
from backend.evaluation.evaluate import Evaluation
from backend.evaluation.history import board_of_run
from backend.experiments.text_loss import TextLoss, text_loss
from backend.experiments.verdict import Verdict, verdict
from backend.interventions.board import Board, write_link
from backend.interventions.method import NOTHING, Setting
from backend.reading.asked import asked_at
from backend.reading.seen import see
from components import actions, resources, state
from components.clamp_page.heading import draw_heading
from components.clamp_page.rivals import draw_rival, meet, never_met, trained_here
from components.clamping.add_feature import draw_add_feature
from components.clamping.arrange import draw_arrange
from components.clamping.foot import draw_foot
from components.clamping.open import draw_opened
from components.clamping.presets import draw_start
from components.clamping.share import draw_share
from components.clamping.sliders import draw_sliders
from components.clamping.training import draw_training
from components.clamping.when import Hears, draw_when
from components.figures.beside import draw_beside
from components.figures.board import GrowingBoard, so_far
from components.figures.controls import draw_controls
from components.figures.dilution import draw_dilution
from components.figures.lights import draw_lights
from components.figures.loss import draw_loss, draw_loss_progress
from components.figures.strengths import run_strengths
from components.figures.sureness import draw_go_on, draw_stop_early
from components.figures.sweep import draw_sweep
from components.figures.verdict import LOOK, draw_running, draw_verdict, draw_why
from components.frame import require_frame
from components.live import say_live
from components.messages import show_errors, show_problem
from components.questions.table import draw_questions
from components.questions.view import draw_orders, draw_question_view
from components.runs.trials import trial_names
from components.session import begin
from components.texts.instead import chose_instead, draw_instead
from components.texts.strip import PROMPTS, Kept, draw_strip, run_strip
from components.visits import draw_continue, visitor
from components.wording import plain

require_frame()
FORMER = "For the previous settings, until the figures above are there."


def in_half(engine: Engine) -> Bool[Tensor, " question"] | None:
    """The questions the figures are over; None for all of them."""
    half = state.half()
    return None if half == "all" else engine.half(half)


def draw_clamps(engine: Engine, board: Board) -> None:
    """The sliders, and when they act."""
    arrangement = draw_arrange(
        engine,
        board,
        on_reset=partial(actions.reset_all, engine),
        on_remove=actions.remove_all,
    )
    looked_at = draw_sliders(
        board,
        engine.atlas.about,
        arrangement,
        actions.sliders_key(),
        actions.keep_edit,
        engine.residual_unit,
        came_from=state.came_from,
    )
    if looked_at is not None:
        state.open_feature(looked_at)
        st.switch_page("pages/feature.py")
    draw_when(
        engine,
        actions.in_force(board),
        in_half(engine),
        state.revision(),
        found=state.found_tau(),
        problem=state.said("when"),
        hears=Hears(
            on_method=partial(actions.set_method, engine),
            on_found=state.set_found_tau,
            on_problem=partial(state.say, "when"),
        ),
    )


def run_what_is_left(engine: Engine) -> None:
    """Long work that was asked for and has its figures elsewhere: after all that the page shows."""
    rival = state.board().rival
    if rival is not None and strengths_place is not None:
        run_strengths(engine, rival, strengths_place, state.work("strengths"))
    with training:
        draw_training(engine, state.work("rmu"), actions.put_trained)


def against_rivals(engine: Engine, evaluation: Evaluation) -> list[Beside]:
    """The setting on the board beside each kind of rival that was tried."""
    trials = engine.history.trials()
    names = trial_names(trials, engine.name_of)
    right = evaluation.predictions() == engine.sets.answers
    selection = engine.half("selection")
    return beside(evaluation.setting, right, trials, names, engine.sets, selection)


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
    seen = engine.restrict(evaluation, only)
    draw_running(verdict_place, f"A sample: {so_far(seen.sets)}.")
    left = evaluation.affected & ~evaluation.done
    with checks:
        draw_go_on(int(left.sum()), partial(state.want_all, evaluation.setting))
    draw_ways_back(engine, evaluation.setting, only)
    run_what_is_left(engine)
    st.stop()


def remember(engine: Engine, setting: Setting) -> None:
    """Keep the board with its result, and what was expected of it; that is then taken."""
    with show_problem():
        if engine.results.remember(setting, write_link(state.board()), *state.hypothesis()):
            state.expect("")
    engine.visits.keep(visitor(), state.visit())


def draw_ways_back(
    engine: Engine, setting: Setting, only: Bool[Tensor, " question"] | None
) -> None:
    """Everything tried; a setting that is chosen there goes onto the board."""
    with trials_place:
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
        state.load_board(board_of_run(back, engine.d_sae, state.board()))
        st.rerun()


def draw_never_tried(
    engine: Engine, setting: Setting, only: Bool[Tensor, " question"] | None
) -> None:
    """In the place of figures that a showcase does not have; the page ends there."""
    figures.draw(state.shown() or engine.evaluate(NOTHING), stale=True)
    draw_running(verdict_place, "This setting was never tried here.")
    with checks:
        st.info("This setting was never tried here. Go back to one that was, below.")
    draw_ways_back(engine, setting, only)
    st.stop()


def begin_run(former: Verdict | None) -> None:
    """Say of everything below that it is of the settings before."""
    before = "" if former is None else former.sentence
    draw_running(verdict_place, "The new figures are being computed…", before)
    for mark in marks:
        mark.caption(FORMER)


def on_partial(engine: Engine, former: Verdict | None, evaluation: Evaluation) -> None:
    if figures.on_partial(evaluation):
        sets = engine.restrict(evaluation, in_half(engine)).sets
        done, of = (sum(getattr(s, n) for s in sets) for n in ("n_done", "n_affected"))
        said = f"So far, after {done} of {of} touched questions: {so_far(sets)}."
        draw_running(verdict_place, said, "" if former is None else former.sentence)


def draw_lost(
    engine: Engine, evaluation: Evaluation, only: Bool[Tensor, " question"] | None
) -> None:
    """The questions behind the figures, and one of them looked at."""
    setting = evaluation.setting
    opened = engine.opening(setting)
    table = question_table(engine.sets, engine.recording, engine.tokenizer, evaluation, opened)
    shown = table if only is None else table[only.tolist()]
    with instead_place.container():
        draw_instead(chose_instead(shown))
    with questions:
        st.header("Lost and gained", anchor=False)
        place = draw_questions(shown, setting.features, engine.atlas.name)
        if place is not None:
            seen = see(engine, place, setting.features, evaluation.scores, setting)
            if draw_question_view(
                seen,
                rival=setting.rival,
                name=engine.atlas.name,
                link=state.link(),
                anatomy=True,
            ):
                state.open_question(asked_at(engine, place))
                st.switch_page("pages/question.py")
            draw_orders(engine, place, setting)


def draw_all_of_verdict(
    engine: Engine, evaluation: Evaluation, found: Verdict, rivals: list[Beside]
) -> None:
    seen, half = (
        engine.restrict(evaluation, mask) for mask in (in_half(engine), engine.half("held-out"))
    )
    draw_verdict(verdict_place, found, seen, half, foremost(rivals))
    draw_why(why_place, found)


def draw_text_loss(engine: Engine, setting: Setting) -> TextLoss | None:
    loss = None
    with loss_place.container(), show_problem():
        loss = text_loss(engine, setting, partial(draw_loss_progress, st.empty()))
    if loss is not None:
        with loss_place.container():
            draw_loss(loss)
    return loss


with show_errors():
    engine = begin(offered=True)
if "stage" in st.query_params:
    st.switch_page("pages/stage.py")
st.html(LOOK)
heading, notice, training = st.container(), st.container(), st.container()
with notice:
    trained = trained_here(engine)
share = draw_heading(engine, heading, trained)
if state.link_error():
    st.warning(plain(state.link_error()), icon=":material/link_off:")
verdict_place = st.empty()

strengths_place: DeltaGenerator | None = None
left, right = st.columns([11, 12], gap="medium")
with left, st.container(key="clamp_side"):
    board = state.board()
    draw_add_feature(engine.atlas, engine.d_sae, board.features(), partial(actions.add, engine))
    if board.rival is not None:
        strengths_place = draw_rival(engine, board, board.rival, trained)
        for _ in range(3):  # the sliders' places: they could be moved as long as the run goes on
            st.empty()
    elif board.sliders:
        draw_clamps(engine, board)
    else:
        last = state.left_off()
        if last is not None and draw_continue(engine.name_of(last.board.setting())):
            state.go_on()
            st.rerun()
        draw_start(engine, on_load=state.load_board)

with right:
    with st.container(horizontal=True, vertical_alignment="center"):
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
        why_place = st.empty()
    half = state.half()
    only = in_half(engine)
    figures = GrowingBoard(st.empty(), engine, only)
    loss_place = st.empty()
    marks = [st.empty()]
    meeting = st.container()
    st.header("In words", anchor=False)
    say_it = st.container()
    instead_place = st.empty()
    checks = st.container()
    controls = st.container()
    against = st.container()
st.divider()
marks.append(st.empty())
questions = st.container()
st.divider()
trials_place = st.container()

with show_errors():
    setting = engine.check(board.setting())
    if showcase.is_on() and engine.finished(setting) is None:
        draw_never_tried(engine, setting, only)
    former = state.verdict()
    before = state.shown() or engine.evaluate(NOTHING, on_wait=figures.on_wait)
    if before.setting != setting:
        figures.draw(before, stale=True)
    if engine.finished(setting) is None:
        begin_run(former)
    evaluation = engine.evaluate(
        setting,
        partial(on_partial, engine, former),
        figures.on_wait,
        enough=partial(is_enough, engine),
    )
    state.set_shown(evaluation)
    if not evaluation.complete:
        draw_sample(engine, evaluation, only)
    for mark in marks:
        mark.empty()
    figures.draw(evaluation)
    coming = never_met(engine, trained)
    rivals = against_rivals(engine, evaluation) if setting else []
    found = verdict(engine, evaluation, only)
    state.set_verdict(found)
    draw_all_of_verdict(engine, evaluation, found, rivals)
    say_live(f"{found.sentence} {found.held_out}")
    with notice:
        draw_opened(engine, evaluation, *state.opened())
    with share.container(width="content"):
        draw_share(engine, evaluation, board, half, state.link())
    with checks:
        draw_lights(found.lights)
        if engine.opening(setting) is not None:
            draw_dilution(
                engine,
                setting,
                state.work("dilution"),
                partial(state.kept, "dilution", setting),
            )
    if setting:
        with against:
            draw_beside(rivals, coming is not None)
    texts = resources.texts(engine)
    kept = Kept(texts.find, texts.keep)
    with say_it:
        strip = draw_strip(
            engine, setting, state.prompts() or PROMPTS, kept, on_prompts=state.set_prompts
        )
    draw_lost(engine, evaluation, only)
    remember(engine, setting)
    draw_ways_back(engine, setting, only)
    loss = draw_text_loss(engine, setting)
    if loss is not None and found.damage is not None and found.damage.lacks("text"):
        found = verdict(engine, evaluation, only, loss)
        state.set_verdict(found)
        draw_all_of_verdict(engine, evaluation, found, rivals)
    run_strip(engine, strip, kept)
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
            on_take=actions.put,
        )
    run_what_is_left(engine)
    if coming is not None:
        meet(engine, coming, meeting)
