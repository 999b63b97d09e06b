"""Two prompts and what is answered to them, without and with what is on the board.

`draw_strip` shows what is known; `run_strip` writes the rest, last of all that a page does: each
token asks for a turn at the model and is drawn, so the user's next move stops it. What was written
to its end is kept, without clamps once a prompt, with them once a setting.
"""

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import showcase
from backend.engine.engine import Engine
from backend.errors import ClampboardError
from backend.experiments.generate import MAX_PROMPT, Written, writing
from backend.interventions.method import NOTHING, Setting
from backend.progress import OnProgress, Progress
from components.progress_bar import left
from components.texts.marked import STYLE, parting, written_html
from components.texts.side_by_side import title
from components.wording import sentence

PROMPTS = ("What does the heart do?", "What is the capital of France?")
"""At first: one of what is to be forgotten, one of something else."""
TOKENS = 24
HELP = (
    "Any prompt; the answer is of the likeliest tokens. Underlined: where the answers differ. "
    "Hold the mouse over a token for its log-probability; tap an answer, or reach it by the Tab "
    "key, for those of all its tokens."
)
LOOK = """<style>
.say { display: grid; grid-template-columns: 1fr 1fr; gap: .2rem 1rem; }
.say small { display: block; opacity: .8; }
.say p { margin: 0; opacity: .8; }
.say-asked { font-weight: 600; }
@media (max-width: 640px) { .say { grid-template-columns: 1fr; } }
</style>"""


class Wanted(NamedTuple):
    """A text: what it answers, and under which setting. It is the key under which it is kept."""

    prompt: str
    chat: bool
    setting: Setting
    max_tokens: int


class Kept(NamedTuple):
    """Texts written before, each to its end."""

    find: Callable[[Wanted], Written | None]
    keep: Callable[[Wanted, Written], None]


class Doing(NamedTuple):
    """What is being done with one of a prompt's texts."""

    at: int
    what: str


@dataclass(frozen=True)
class Line:
    """A prompt's place on the page."""

    place: DeltaGenerator
    wanted: tuple[Wanted, ...]
    """Without, and with where something acts; none for a prompt of nothing."""
    asked: bool
    """The prompt stands there too, as text."""

    def draw(self, texts: Sequence[Written | None], doing: Doing | None = None) -> None:
        self.place.html(line_html(self.wanted, texts, doing, asked=self.asked))


Strip = tuple[Line, ...]


def draw_strip(
    engine: Engine,
    setting: Setting,
    prompts: Sequence[str],
    kept: Kept,
    *,
    on_prompts: Callable[[tuple[str, ...]], None] | None = None,
    max_tokens: int = TOKENS,
) -> Strip:
    """What is known of the answers; their places, for `run_strip`.

    `on_prompts` is called with all prompts when one was changed; without it they stand there as
    text. On a showcase only prompts with kept answers are drawn.
    """
    chat, lines = bool(engine.tokenizer.chat_template), []
    for i, prompt in enumerate(prompts):
        settings = (NOTHING, setting) if setting else (NOTHING,)
        wanted = tuple(Wanted(prompt, chat, one, max_tokens) for one in settings)
        texts = [kept.find(one) for one in wanted]
        if showcase.is_on() and None in texts:
            continue
        if on_prompts is not None and not showcase.is_on():
            key = f"strip_prompt_{i}"
            st.text_input(
                f"Prompt {i + 1}",
                prompt,
                max_chars=MAX_PROMPT,
                key=key,
                help=HELP if i == 0 else None,
                on_change=partial(_changed, prompts, i, key, on_prompts),
            )
        line = Line(
            st.empty(),
            wanted if prompt.strip() else (),
            asked=on_prompts is None or showcase.is_on(),
        )
        if line.wanted:
            line.draw(texts)
        else:
            line.place.caption("Write a prompt to hear the model.")
        lines.append(line)
    return tuple(lines)


def _changed(
    prompts: Sequence[str], i: int, key: str, on_prompts: Callable[[tuple[str, ...]], None]
) -> None:
    on_prompts((*prompts[:i], st.session_state[key], *prompts[i + 1 :]))


def run_strip(engine: Engine, strip: Strip, kept: Kept) -> None:
    """Write what is missing, drawing each token. What goes wrong is said in the prompt's place."""
    if showcase.is_on():
        return
    for line in strip:
        texts = [kept.find(one) for one in line.wanted]
        try:
            for i, wanted in enumerate(line.wanted):
                if texts[i] is not None:
                    continue
                for written in write(engine, wanted, partial(_wait, line, texts, i)):
                    texts[i] = written
                    line.draw(texts, Doing(i, "writing…"))
                if (whole := texts[i]) is not None:
                    kept.keep(wanted, whole)
                line.draw(texts)
        except ClampboardError as error:
            line.place.warning(sentence(str(error)), icon=":material/info:")


def _wait(line: Line, texts: Sequence[Written | None], at: int, progress: Progress) -> None:
    line.draw(texts, Doing(at, f"{progress.stage}…{left(progress.seconds_left)}"))


def write(engine: Engine, wanted: Wanted, on_wait: OnProgress) -> Iterator[Written]:
    """The text after each token, most likely tokens first, one turn at the model each.

    Raises BadInput for a prompt that cannot be used, BadRival for a rival that is not there.
    """
    prompt, chat, setting, max_tokens = wanted
    steps = writing(engine, prompt, chat, setting, max_tokens=max_tokens)
    if setting.rival is not None:
        with engine.turn(on_wait):
            engine.rivals.ready(setting.rival, on_wait)
    while True:
        with engine.turn(on_wait, "token"):
            written = next(steps, None)
        if written is None:
            return
        yield written


def line_html(
    wanted: Sequence[Wanted],
    texts: Sequence[Written | None],
    doing: Doing | None = None,
    *,
    asked: bool = False,
) -> str:
    """The texts of a prompt beside each other, those parts marked in which they differ. Pure."""
    settings = [one.setting for one in wanted]
    marks = _marks(texts, growing=doing is not None)
    cells = []
    for i, text in enumerate(texts):
        name = _name(settings, i)
        notes = [name, *([doing.what] if doing is not None and doing.at == i else [])]
        if i == 1 and doing is None and _same(texts):
            notes.append("the same")
        body = "<p>…</p>" if text is None else _body(text, f"{name}: {wanted[i].prompt}", marks[i])
        cells.append(f"<div><small>{html.escape(' · '.join(notes))}</small>{body}</div>")
    question = f'<div class="say-asked">{html.escape(wanted[0].prompt)}</div>' if asked else ""
    return f'{STYLE}{LOOK}{question}<div class="say">{"".join(cells)}</div>'


def _marks(texts: Sequence[Written | None], growing: bool) -> list[frozenset[int]]:
    """The tokens in which the texts differ; of one that grows, as far as it has come."""
    first, *others = [() if text is None else text.ids for text in texts]
    if not others or not first or not others[0]:
        return [frozenset() for _ in texts]
    n = min(len(first), len(others[0])) if growing else None
    return list(parting(first[:n], others[0][:n]))


def _name(settings: Sequence[Setting], i: int) -> str:
    return "No clamp is on" if len(settings) == 1 else title(settings, i)


def _body(text: Written, label: str, mark: frozenset[int]) -> str:
    if not text.text.strip():
        return f"<p>{'(nothing)' if text.ended else '…'}</p>"
    return written_html(text, label, mark)


def _same(texts: Sequence[Written | None]) -> bool:
    first, second = texts
    return first is not None and second is not None and first.ids == second.ids
