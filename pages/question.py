"""One question taken apart: what the clamps changed, at which strength, and which features did it.

The runs are the last thing of the page; each is kept, so that stopping loses nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import streamlit as st

from backend import showcase
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.answers import question_table
from backend.evaluation.evaluate import Evaluation
from backend.experiments.anatomy import (
    Answer,
    Contribution,
    Point,
    Scrub,
    answer,
    contributions,
    curve,
    scrub_of,
)
from backend.interventions.method import NOTHING, Setting
from backend.reading.asked import asked_at
from backend.reading.seen import SeenQuestion, place_of, see
from backend.sharing.question_card import card_of
from components import state
from components.anatomy.card import draw_card
from components.anatomy.contributions import draw_contributions, in_words
from components.anatomy.curve import draw_bars, draw_growing, draw_scrubber
from components.anatomy.lost import Lost, draw_steps, lost_of
from components.frame import require_frame
from components.messages import show_errors, show_problem
from components.progress_bar import saying
from components.questions.view import draw_question_view
from components.session import begin
from components.wording import plain, sentence

require_frame()
T = TypeVar("T")
ALL = "all clamps together"


def chosen_place(engine: Engine) -> int | None:
    """Of the question that was asked for; what is wrong with that is said."""
    asked = state.question()
    if asked is None:
        return None
    try:
        return place_of(engine, *asked)
    except BadInput as error:
        st.warning(sentence(str(error)), icon=":material/link_off:")
        return None


def open_place(engine: Engine, place: int) -> None:
    state.open_question(asked_at(engine, place))


def lost_questions(engine: Engine, evaluation: Evaluation) -> Lost:
    def find() -> Lost:
        table = question_table(engine.sets, engine.recording, engine.tokenizer, evaluation)
        return lost_of(table)

    return state.kept("lost", evaluation.setting, find)


def run_whole(engine: Engine, setting: Setting) -> Evaluation:
    """All questions, which says what is lost; kept as on the clamp page."""
    place = st.empty()

    def say(evaluation: Evaluation) -> None:
        done, touched = int(evaluation.done.sum()), int(evaluation.affected.sum())
        place.caption(f"Looking for what is lost: {done} of {touched} touched questions…")

    evaluation = engine.evaluate(setting, say, saying(place))
    place.empty()
    return evaluation


def draw_nothing() -> None:
    """Where there is no question to show; the page ends there."""
    st.write("Nothing is clamped yet: clamp a feature, or load a preset, and come back.")
    st.page_link("pages/clamp.py", label="To the clamps", icon=":material/tune:")
    st.stop()


def run(
    name: str, key: object, work: Iterable[T], draw: Callable[[Sequence[T]], object]
) -> tuple[T, ...]:
    """All that the work finds, drawn as it comes; once found, it is there in this session."""
    kept = state.so_far(name)
    if isinstance(kept, tuple) and kept[0] == key:
        return kept[1]
    found: list[T] = []
    for one in work:
        found.append(one)
        draw(found)
    state.set_so_far(name, (key, tuple(found)))
    return tuple(found)


def draw_heading(engine: Engine, view: SeenQuestion, setting: Setting) -> None:
    st.header(f"{plain(view.set)}, question {view.question.index}", anchor=False)
    st.markdown(f"##### {plain(view.question.question)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            "pages/clamp.py",
            label=f"{plain(engine.name_of(setting))}: to the clamps",
            icon=":material/tune:",
        )


def choose_scrub(engine: Engine, view: SeenQuestion, setting: Setting) -> Scrub:
    """Which strength is moved, by the user's choice. Raises BadInput where there is none."""
    if setting.rival is not None or not setting.clamps:
        return scrub_of(engine, setting)
    fired = dict.fromkeys(feature for feature, _, _ in view.fired())
    chosen = st.selectbox(
        "Strength of",
        [ALL, *fired],
        key="question_scrub",
        format_func=lambda f: f if isinstance(f, str) else f"{f} · {engine.atlas.name(f)}",
        width=420,
    )
    return scrub_of(engine, setting, chosen if isinstance(chosen, int) else None)


def draw_strength(
    engine: Engine, place: int, view: SeenQuestion, setting: Setting, before: Answer, after: Answer
) -> tuple[Scrub | None, tuple[Point, ...]]:
    """The curve, or why there is none."""
    st.header("At every strength", anchor=False)
    try:
        scrub = choose_scrub(engine, view, setting)
    except BadInput as error:
        st.caption(sentence(str(error)))
        draw_bars(after, before, view.question, "as it is")
        return None, ()
    growing = st.empty()
    points = run(
        "anatomy_curve",
        (place, setting, scrub),
        curve(engine, place, setting, scrub, saying(growing)),
        lambda found: draw_growing(growing, found, view.question, scrub),
    )
    growing.empty()
    draw_scrubber(points, view.question, scrub)
    return scrub, points


def draw_parts(
    engine: Engine, place: int, view: SeenQuestion, setting: Setting, before: Answer, after: Answer
) -> tuple[Contribution, ...]:
    """What each clamped feature contributes, or why that is not to be said."""
    st.header("Which features did it", anchor=False)
    if not setting.clamps:
        st.caption("No feature is clamped here: this is asked of clamps alone.")
        return ()
    growing, n = st.empty(), len(setting.clamps)
    found = run(
        "anatomy_parts",
        (place, setting),
        contributions(engine, place, setting, saying(growing)),
        lambda found: growing.caption(in_words(found, n)),
    )
    growing.empty()
    draw_contributions(found, after, before, view.question.answer, engine.atlas.name)
    return found


with show_errors():
    engine = begin()
top = st.container(horizontal=True, vertical_alignment="center")
with top:
    st.title("Question")
    st.space("stretch")
    share = st.empty()
if state.link_error():
    st.warning(plain(state.link_error()), icon=":material/link_off:")

with show_errors():
    setting = engine.check(state.board().setting())
    place, evaluation = chosen_place(engine), engine.finished(setting) if setting else None
    if place is None:
        if not setting:
            draw_nothing()
        evaluation = evaluation or run_whole(engine, setting)
        place = lost_questions(engine, evaluation).telling
        open_place(engine, place)
    asked = asked_at(engine, place)
    state.write_address(question=str(asked))

    ways = st.container(horizontal=True, vertical_alignment="center")
    if evaluation is not None:
        with ways:
            lost = lost_questions(engine, evaluation).places
            draw_steps(place, lost, partial(open_place, engine))
    elif setting and not showcase.is_on() and ways.button("Find the lost questions"):
        run_whole(engine, setting)
        st.rerun()

    first = st.empty()
    before = answer(engine, place, NOTHING)
    after = answer(engine, place, setting, saying(first))
    first.empty()
    scores = engine.recording.baseline.clone()
    scores[place] = scores.new_tensor(after.scores)
    view = see(engine, place, setting.features, scores, setting)
    draw_heading(engine, view, setting)
    draw_question_view(
        view, bool(setting), setting.rival, name=engine.atlas.name, link=state.link()
    )

if not setting:
    st.caption("Nothing is clamped: clamp a feature to see what that does to this answer.")
    st.stop()
scrub: Scrub | None = None
points: tuple[Point, ...] = ()
parts: tuple[Contribution, ...] = ()
with show_problem():
    scrub, points = draw_strength(engine, place, view, setting, before, after)
with show_problem():
    parts = draw_parts(engine, place, view, setting, before, after)
with share.container(width="content"):
    card = card_of(engine, place, setting, before, after, scrub, points, parts)
    draw_card(card, f"clampboard_{asked.set}_{asked.row}")
