"""The only owner of what belongs to one session.

The board with its undo, pins, the open feature, the link, and what is yet to be said. Everything
kept is an immutable value; widgets are views of it. `revision` goes into the widgets' keys, so that
a change that came from elsewhere (undo, a preset, a link) draws them afresh.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

import streamlit as st

from backend.engine.engine import Half
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation
from backend.experiments.verdict import Verdict
from backend.interventions.board import Board, Slider, read_link, write_link
from backend.interventions.method import Setting
from backend.interventions.visits import MAX_PAST, Visit
from backend.reading.asked import Asked, parse_asked
from backend.rim import whole
from backend.sharing.run_file import RunFile
from components.values import FoundTau, Hypothesis, Pins, Words, Work

UNDO_STEPS = 200
HALVES = ("all", "selection", "held-out")
T = TypeVar("T")


def start(
    d_sae: int,
    visited: Callable[[], Visit | None] = lambda: None,
    resolved: Callable[[dict[str, str]], dict[str, str]] = lambda parameters: parameters,
    *,
    offered: bool = False,
) -> None:
    """Once per session: the board from the link, and what the visitor left behind (`visited`).
    `resolved` puts a saved link's parameters in the place of its name; it may raise BadInput.

    A link that cannot be read is said, and leaves an empty board. What was pinned comes back; the
    way back by undo where the link has the visitor's last board; and that board where the link has
    none, but on a page where going on is `offered`: see `left_off`.
    """
    if "board" in st.session_state:
        return
    st.session_state.update(
        board=Board(),
        past=(),
        future=(),
        revision=0,
        feature=None,
        shown=None,
        link_error="",
        came_from={},
        half="all",
        question=None,
        pins=(None, None),
        hypothesis=Hypothesis(),
    )
    parameters = st.query_params.to_dict()
    try:
        for value in parameters.values():
            whole(value, "The link")
        parameters = resolved(parameters)
        st.session_state.board = read_link(parameters, d_sae)
        st.session_state.came_from = _values(st.session_state.board.sliders)
        text = parameters.get("feature")
        if text is not None and not _is_feature(text, d_sae):
            raise BadInput(
                f"The link opens feature {text[:20]!r}, but this SAE has features 0 to {d_sae - 1}."
            )
        st.session_state.feature = None if text is None else int(text)
        if (half := parameters.get("half", "all")) not in HALVES:
            raise BadInput(
                f"The link asks for the questions {half[:20]!r}; it can be {', '.join(HALVES)}."
            )
        st.session_state.half = half
        if "question" in parameters:
            st.session_state.question = parse_asked(parameters["question"])
    except BadInput as error:
        st.session_state.link_error = str(error)
    if (last := visited()) is not None:
        st.session_state.update(visit=last, pins=last.pins)
        if last.board == board() or (left_off() and not offered and not link_error()):
            st.session_state.update(board=last.board, past=last.past)


def left_off() -> Visit | None:
    """The visit that can be gone on with: there is a board in it, and none in its place."""
    last: Visit | None = st.session_state.get("visit")
    return last if last is not None and last.board != Board() == board() else None


def go_on() -> None:
    """Bring back the board of `left_off` with its undo."""
    if (last := left_off()) is not None:
        st.session_state.update(past=last.past, future=())
        _show(last.board, True)


def visit() -> Visit:
    """What to keep of this session; an empty board takes no other one's place."""
    last: Visit = st.session_state.get("visit") or Visit()
    if board() != Board():
        last = Visit(board(), past=st.session_state.past[-MAX_PAST:])
    st.session_state.visit = replace(last, pins=pins())
    return st.session_state.visit


def _is_feature(text: str, d_sae: int) -> bool:
    return text.isdecimal() and text.isascii() and int(text) < d_sae


def link_error() -> str:
    """What was wrong with the link this session began with; empty if nothing."""
    return st.session_state.link_error


def board() -> Board:
    return st.session_state.board


def revision() -> int:
    return st.session_state.revision


def set_board(new: Board, *, redraw: bool = True) -> None:
    """Replace the board, keeping the old one for undo.

    `redraw` draws the widgets afresh; without it they are where the change came from.
    """
    if new == st.session_state.board:
        return
    st.session_state.past = (*st.session_state.past, st.session_state.board)[-UNDO_STEPS:]
    st.session_state.future = ()
    _show(new, redraw)


def load_board(new: Board) -> None:
    """Put a board there as a whole (a preset, a run, a file): its values are those that a slider is
    reset to.
    """
    st.session_state.came_from = _values(new.sliders)
    set_board(new)


def came_from(feature: int) -> float | None:
    """The raw value a slider is reset to: what it was loaded with, or added at."""
    return st.session_state.came_from.get(feature)


def _values(sliders: Iterable[Slider]) -> dict[int, float]:
    return {s.feature: s.value for s in sliders}


def move_board(new: Board, *, first: bool) -> None:
    """The next of many positions that long work moves the board to, one after the other: a single
    undo brings back what was there before the first of them.
    """
    if first:
        st.session_state.moved = None
    if new == board():
        return
    if board() == st.session_state.get("moved"):
        st.session_state.future = ()
        _show(new, True)
    else:
        set_board(new)
    st.session_state.moved = new


def add_sliders(*sliders: Slider) -> None:
    """Put them on the board, where clamps are then in force: a rival goes."""
    new = replace(board(), rival=None)
    for slider in sliders:
        new = new.put(slider)
    st.session_state.came_from = {**st.session_state.came_from, **_values(sliders)}
    set_board(new)


def can_undo() -> bool:
    return bool(st.session_state.past)


def can_redo() -> bool:
    return bool(st.session_state.future)


def undo() -> None:
    if can_undo():
        st.session_state.future = (st.session_state.board, *st.session_state.future)
        new, st.session_state.past = st.session_state.past[-1], st.session_state.past[:-1]
        _show(new, True)


def redo() -> None:
    if can_redo():
        st.session_state.past = (*st.session_state.past, st.session_state.board)
        new, st.session_state.future = st.session_state.future[0], st.session_state.future[1:]
        _show(new, True)


def _show(new: Board, redraw: bool) -> None:
    st.session_state.board = new
    if redraw:
        st.session_state.revision += 1


def half() -> Literal["all"] | Half:
    """The questions the figures are over: one of HALVES."""
    return st.session_state.half


def set_half(new: str) -> None:
    st.session_state.half = new


def sure_to() -> float | None:
    """To how many points figures have to be sure for a run to stop there; None runs all."""
    return st.session_state.get("sure_to")


def set_sure_to(points: float | None) -> None:
    st.session_state.sure_to = points


def wants_all() -> Setting | None:
    """The setting that is run to its end all the same."""
    return st.session_state.get("wants_all")


def want_all(setting: Setting) -> None:
    st.session_state.wants_all = setting


def feature() -> int | None:
    """The feature the feature page shows; None before one was opened."""
    return st.session_state.feature


def open_feature(number: int) -> None:
    st.session_state.feature = number


def follow_address(d_sae: int) -> None:
    """Open the feature that the browser's Back or Forward has brought into the address."""
    asked = st.query_params.get("feature", "")
    written = st.session_state.get("written_feature")
    if written is not None and asked != written and _is_feature(asked, d_sae):
        open_feature(int(asked))
        written_address(int(asked))  # now: a second press may stop this run before its end


def written_address(feature: int) -> None:
    """The address says this feature now; another one there is the browser's doing."""
    st.session_state.written_feature = str(feature)


def question() -> Asked | None:
    """The question the question page shows; None until one was chosen."""
    return st.session_state.question


def open_question(asked: Asked) -> None:
    st.session_state.question = asked


def chosen() -> tuple[int, ...]:
    """Features selected on the search page, in the order they were."""
    return st.session_state.get("chosen", ())


def choose(features: Sequence[int]) -> None:
    st.session_state.chosen = tuple(features)


def write_address(**more: str) -> None:
    """Put the board into the address bar, so that a reload or a shared link brings it back."""
    st.query_params.from_dict(link() | more)


def link() -> dict[str, str]:
    """Query parameters that bring this state back."""
    return write_link(board()) | ({} if half() == "all" else {"half": half()})


def shown() -> Evaluation | None:
    """The last evaluation drawn in this session."""
    return st.session_state.shown


def set_shown(evaluation: Evaluation) -> None:
    """What was said of another one is no longer of what is shown: see `verdict`."""
    st.session_state.update(shown=evaluation, verdict=None)


def verdict() -> Verdict | None:
    """What was said of the figures shown last; None while nothing was."""
    return st.session_state.get("verdict")


def set_verdict(new: Verdict) -> None:
    st.session_state.verdict = new


def work(name: str) -> Work:
    """Long work of this name ("controls", say), and what it is wanted for."""

    def ask(subject: object) -> None:
        st.session_state.asked = {**st.session_state.get("asked", {}), name: subject}

    return Work(st.session_state.get("asked", {}).get(name), ask)


def so_far(name: str) -> object:
    """What long work of this name has found so far in this session; None before it began."""
    return st.session_state.get("so_far", {}).get(name)


def set_so_far(name: str, found: object) -> None:
    st.session_state.so_far = {**st.session_state.get("so_far", {}), name: found}


def pins() -> Pins:
    """The two settings put side by side, A and B."""
    return st.session_state.pins


def pin(which: str, setting: Setting | None) -> None:
    """Pin a setting as 'A' or 'B'; None takes the pin away."""
    a, b = pins()
    st.session_state.pins = (setting, b) if which == "A" else (a, setting)


def hypothesis() -> Hypothesis:
    """What is expected of the next setting tried; empty text when nothing was written."""
    return st.session_state.hypothesis


def expect(text: str) -> None:
    st.session_state.hypothesis = Hypothesis(text.strip(), time.time())


def words() -> Words | None:
    """What was last written on the Words page, token by token: stopping loses nothing."""
    return st.session_state.get("words")


def set_words(new: Words) -> None:
    st.session_state.words = new


def prompts() -> tuple[str, ...] | None:
    """What the model is asked beside the sliders; None while the user has not changed it."""
    return st.session_state.get("prompts")


def set_prompts(new: tuple[str, ...]) -> None:
    st.session_state.prompts = new


def kept(name: str, key: Hashable, make: Callable[[], T]) -> T:
    """What was made for this key the last time in this session; made anew for another key."""
    if st.session_state.get(f"kept_{name}", (None, None))[0] != key:
        st.session_state[f"kept_{name}"] = (key, make())
    return st.session_state[f"kept_{name}"][1]


def opened() -> tuple[str, RunFile | BadInput | None]:
    """The exported file opened last: its name, and what was read of it or why it was refused."""
    return st.session_state.get("opened", ("", None))


def set_opened(name: str, found: RunFile | BadInput) -> None:
    st.session_state.opened = (name, found)


def found_tau() -> FoundTau | None:
    """Where a gate's tau was found last in this session."""
    return st.session_state.get("found_tau")


def set_found_tau(found: FoundTau) -> None:
    st.session_state.found_tau = found


def say(place: str, text: str) -> None:
    """Keep a message for a place of a page until it is drawn there, once."""
    st.session_state.messages = {**st.session_state.get("messages", {}), place: text}


def said(place: str) -> str:
    """Take the message kept for a place; empty if there is none."""
    messages = dict(st.session_state.get("messages", {}))
    text = messages.pop(place, "")
    st.session_state.messages = messages
    return text
