"""Before and after in words.

The same prompt and the same draws, written without and with the clamps.
"""

from collections.abc import Iterator

import streamlit as st

from backend import showcase
from backend.engine.engine import Engine
from backend.experiments.generate import (
    MAX_NEW_TOKENS,
    MAX_PROMPT,
    generate,
    prompt_ids,
)
from backend.interventions.method import NOTHING, Setting, in_words
from backend.progress import OnProgress
from components import resources, state
from components.frame import require_frame
from components.messages import show_errors, show_problem, showcase_off
from components.texts.sampling import draw_sampling
from components.texts.side_by_side import SideBySide
from components.values import Words

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


def in_force(setting: Setting) -> str:
    """Which clamps the second text is written with, and when they act."""
    if not setting:
        return "No clamp is on: both texts will be the same."
    one = len(setting.clamps) == 1
    what = f"Feature {setting.features[0]} is" if one else f"{len(setting.clamps)} features are"
    method = in_words(setting.method)
    return f"{what} clamped, as on the Clamp page{f' ({method})' if method else ''}."


def write(engine: Engine, ids: list[int], words: Words, on_wait: OnProgress) -> Iterator[Words]:
    """Both texts after each token, and once more when they are done."""
    before, after = (
        generate(
            engine.runner,
            ids,
            setting,
            max_tokens=words.max_tokens,
            sampling=words.sampling,
            rates=engine.evaluator.rates(setting),
        )
        for setting in (NOTHING, words.setting)
    )
    while True:
        # One token a turn: an evaluation in another session may come in between.
        with engine.turn(on_wait, "token"):
            one, other = next(before, None), next(after, None)
        if one is None and other is None:
            break
        words = words._replace(texts=(one or words.texts[0], other or words.texts[1]))
        yield words
    yield words._replace(running=False)


with show_errors():
    engine = resources.engine()
    state.start(engine.d_sae)
    setting = engine.check(state.board().setting())
st.title("Before and after in words")
state.write_address()
with st.container(horizontal=True, vertical_alignment="center"):
    st.write(in_force(setting))
    st.page_link("pages/clamp.py", label="Change the clamps", icon=":material/tune:")
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
        help="Stops both texts; what is written stays.",
    )
st.caption(
    "Tokens the clamps leave alone are those of the board: "
    f"{', '.join(engine.setup.untouched) or 'none'}. "
    "A gate is asked about the prompt, and again with each new token while it is closed. "
    "Both texts get the same random draws, so they differ only where the probabilities do. "
    "A small model says much that is wrong without any clamp: compare the two, not with the truth."
)
showcase_off()
texts = SideBySide(prompt, setting)
if begun:
    with show_problem():
        ids = prompt_ids(engine.tokenizer, prompt, as_chat)
        start = Words(prompt, as_chat, sampling, length, setting, running=True)
        state.set_words(start)
        # Kept after each token: a stop loses nothing.
        for words in write(engine, ids, start, texts.on_wait):
            state.set_words(words)
            texts.draw(words)
elif (kept := state.words()) is not None:
    texts.draw(kept._replace(running=False))
