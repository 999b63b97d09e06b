"""Before and after in words.

The same prompt and the same draws, written without and with the clamps, and by a rival.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import streamlit as st

from backend import showcase
from backend.engine.engine import Engine
from backend.experiments.generate import MAX_NEW_TOKENS, MAX_PROMPT, Written, writing
from backend.interventions.method import NOTHING, Setting
from backend.interventions.rival import PUSHED, Rival
from backend.interventions.rival import in_words as rival_in_words
from backend.progress import OnProgress
from backend.rivals.prompts import WORDINGS
from components import state
from components.frame import require_frame
from components.messages import show_errors, show_problem, showcase_off
from components.session import begin
from components.texts.sampling import draw_sampling
from components.texts.side_by_side import SideBySide
from components.values import Words
from components.wording import plain

require_frame()
EXAMPLES = (
    "What does the heart do?",
    "How do plants make sugar from light?",
    "What is DNA?",
    "Why do we need vaccines?",
    "What is the capital of France?",
    "Why are there seasons?",
    "What does a computer's memory do?",
    "Who was the first president of the United States?",
)


def use_example() -> None:
    if example := st.session_state.words_example:
        st.session_state.words_prompt = example


def in_force(engine: Engine, setting: Setting) -> str:
    """Which clamps a text is written with, and when they act."""
    if not setting:
        return "No clamp is on."
    return f"Clamped: {plain(engine.name_of(setting))}."


def rivals_there(engine: Engine, on_board: Rival | None) -> list[Rival]:
    """Those a text can be written by, the board's own and the trained ones first."""
    named = engine.rivals.named
    trained = [named("rmu", one.name) for one in engine.rivals.trained()]
    others = [*map(named, PUSHED), *(named("prompt", wording.text) for wording in WORDINGS)]
    first = [] if on_board is None else [on_board]
    return list(dict.fromkeys([*first, *trained, *others]))


def draw_rival(engine: Engine, on_board: Rival | None) -> Rival | None:
    """The rival to be put beside: at first the board's, or the first trained RMU."""
    there = rivals_there(engine, on_board)
    begin = int(on_board is not None or bool(engine.rivals.trained()))
    return st.selectbox(
        "Beside them",
        [None, *there],
        begin,
        format_func=lambda rival: "nothing" if rival is None else rival_in_words(rival),
        key=f"words_rival_{state.revision()}",
        persist_state="session",
        help="The same prompt written by a rival: another way to make the model forget.",
    )


def draw_why(engine: Engine) -> None:
    untouched = ", ".join(engine.setup.untouched) or "none"
    st.markdown(
        "- All texts get the same random draws, so they differ only where the probabilities do. "
        "Underlined: tokens that the text without clamps has not in that place.\n"
        "- Hold the mouse over a token for its log-probability under the model that wrote it, at "
        "temperature 1; tap a text, or reach it by the Tab key, for those of all its tokens.\n"
        "- A small model says much that is wrong without any clamp: compare the texts with each "
        "other, not with the truth.\n"
        f"- Tokens the clamps leave alone are those of the board: {plain(untouched)}.\n"
        "- A gate is asked about the prompt, and again with each new token while it is closed."
    )


def written_with(clamps: Setting, rival: Rival | None) -> tuple[Setting, ...]:
    """The settings of the texts: none, the clamps and the rival."""
    if rival is None:
        return (NOTHING, clamps)
    return (NOTHING, *([clamps] if clamps else []), Setting(rival=rival))


def write(engine: Engine, words: Words, on_wait: OnProgress) -> Iterator[Words]:
    """All texts after each token, and once more when they are done. Raises BadInput for a prompt
    that cannot be used, before anything is written.
    """
    texts = [
        writing(
            engine,
            words.prompt,
            words.chat,
            setting,
            max_tokens=words.max_tokens,
            sampling=words.sampling,
        )
        for setting in words.settings
    ]
    yield words
    for setting in words.settings:
        if setting.rival is not None:
            with engine.turn(on_wait):
                engine.rivals.ready(setting.rival, on_wait)
    while True:
        # One token a turn: an evaluation in another session may come in between.
        with engine.turn(on_wait, "token"):
            grown = [next(text, None) for text in texts]
        if not any(grown):
            break
        words = words._replace(texts=latest(words.texts, grown))
        yield words
    yield words._replace(running=False)


def latest(texts: Sequence[Written], grown: Sequence[Written | None]) -> tuple[Written, ...]:
    return tuple(new or old for old, new in zip(texts, grown, strict=True))


with show_errors():
    engine = begin()
    board = state.board()
    setting = engine.check(replace(board, rival=None).setting())
st.title("Before and after in words")
state.write_address()
with st.container(horizontal=True, vertical_alignment="center"):
    st.write(in_force(engine, setting))
    st.page_link("pages/clamp.py", label="Change the clamps", icon=":material/tune:")
    with st.popover("How it is written", icon=":material/help:", type="tertiary"):
        draw_why(engine)
st.pills("Examples", EXAMPLES, key="words_example", on_change=use_example)
prompt = st.text_area(
    "Prompt",
    key="words_prompt",
    persist_state="session",
    max_chars=MAX_PROMPT,
    height=90,
    placeholder="Ask something, or begin a text",
)
with st.container(horizontal=True, vertical_alignment="bottom"):
    sampling = draw_sampling()
    length = st.slider(
        "At most, tokens",
        8,
        min(256, MAX_NEW_TOKENS),
        64,
        8,
        key="words_length",
        persist_state="session",
        width=180,
    )
    template = bool(engine.tokenizer.chat_template)
    as_chat = st.toggle(
        "As a chat message",
        template,
        key="words_chat",
        disabled=not template,
        help="In the model's own chat template; off: the prompt is the beginning of a text.",
    )
    rival: Rival | None = None
    with show_problem():
        rival = draw_rival(engine, board.rival)
settings = written_with(setting, rival)
with st.container(horizontal=True):
    begun = st.button(
        "Write",
        icon=":material/edit:",
        type="primary",
        key="words_write",
        disabled=showcase.is_on(),
    )
    st.button(
        "Stop",
        icon=":material/stop:",
        key="words_stop",
        help="Stops all texts; what is written stays.",
    )
showcase_off()
kept = None if begun else state.words()
texts = SideBySide(prompt, settings, settings if kept is None else kept.settings)
if begun:
    with show_problem():
        empty = tuple(Written() for _ in settings)
        start = Words(prompt, as_chat, sampling, length, settings, empty, running=True)
        # Kept after each token: a stop loses nothing.
        for words in write(engine, start, texts.on_wait):
            state.set_words(words)
            texts.draw(words)
elif kept is not None:
    texts.draw(kept._replace(running=False))
