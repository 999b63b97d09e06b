"""Before and after in words: the same prompt and the same draws, written without and with the
clamps.
"""

import html
from itertools import zip_longest

import streamlit as st

from backend.experiments.generate import (
    MAX_NEW_TOKENS,
    MAX_PROMPT,
    MAX_TEMPERATURE,
    Sampling,
    Written,
    generate,
    prompt_ids,
)
from backend.progress import Progress
from components import resources, state
from components.frame import plain, require_frame, show_errors, show_problem

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
WAYS = ("greedy", "sampled")


def use_example() -> None:
    if example := st.session_state.words_example:
        st.session_state.words_prompt = example


def text_html(written: Written) -> str:
    return (
        '<div dir="auto"'
        f' style="white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.6;min-height:6rem">{html.escape(written.text.strip())}</div>'
    )


def note(written: Written, words: state.Words) -> str:
    """What there is to know of a text, in words."""
    n = len(written.ids)
    end = (
        "ended by the model"
        if written.ended
        else (
            "the length limit"
            if n == words.max_tokens
            else "writing…"
            if words.running
            else "stopped"
        )
    )
    if not words.clamps:
        return f"{n} tokens, {end}"
    edited = len(written.edited) - written.edited_in_prompt
    return (
        f"{n} tokens, {end}; clamped at {written.edited_in_prompt} of {written.n_prompt} prompt"
        f" tokens and {edited} of {n} written ones"
    )


def draw(words: state.Words) -> None:
    before, after = words.texts
    with places[0].container():
        st.html(text_html(before))
        st.caption(note(before, words._replace(clamps=())))
    with places[1].container():
        st.html(text_html(after))
        st.caption(note(after, words))
    verdict.caption(says(words))


def says(words: state.Words) -> str:
    if words.running:
        return "Writing…"
    if not any(text.ids for text in words.texts):
        return "Nothing was written."
    stale = "" if words.clamps == clamps else "Written with other clamps than those now on. "
    stale += (
        "" if words.prompt == prompt else f"Written for the prompt “{plain(words.prompt[:200])}”. "
    )
    same = next(
        (i for i, (a, b) in enumerate(zip_longest(*(text.ids for text in words.texts))) if a != b),
        None,
    )
    return stale + (
        "Both texts are the same."
        if same is None
        else f"The two texts are the same for {same} token{'s' if same != 1 else ''}, then part."
    )


def write(words: state.Words) -> None:
    """Both texts, a token at a time; the page keeps what is written when it is stopped."""
    ids = prompt_ids(engine.model.tokenizer, words.prompt, words.chat)
    state.set_words(words)
    runs = [
        generate(
            engine.runner,
            ids,
            clamps,
            max_tokens=words.max_tokens,
            sampling=words.sampling,
        )
        for clamps in ((), words.clamps)
    ]
    while True:
        with engine.turn(
            wait
        ):  # for one token: an evaluation in another session may come in between
            new = [next(run, None) for run in runs]
        if new == [None, None]:
            break
        words = words._replace(
            texts=tuple(now or old for now, old in zip(new, words.texts, strict=True))
        )
        state.set_words(words)
        draw(words)
    words = words._replace(running=False)
    state.set_words(words)
    draw(words)


def wait(progress: Progress) -> None:
    verdict.caption(f"{progress.stage}…")


with show_errors():
    engine = resources.engine()
    state.start(engine.sae.d_sae)
    clamps = engine.check(state.board().clamps())
st.title("Before and after in words")
state.write_address()
template = bool(engine.model.tokenizer.chat_template)
with st.container(horizontal=True, vertical_alignment="center"):
    if clamps:
        st.write(
            f"{len(clamps)} features are clamped, as on the Clamp page."
            if len(clamps) > 1
            else f"Feature {clamps[0].feature} is clamped, as on the Clamp page."
        )
    else:
        st.write("No clamp is on: both texts will be the same.")
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
    way = (
        st.segmented_control(
            "Next token", WAYS, default="greedy", key="words_way", persist_state="session"
        )
        or "greedy"
    )
    temperature, seed = 0.0, 0
    if way == "sampled":
        temperature = st.slider(
            "Temperature",
            0.1,
            MAX_TEMPERATURE,
            0.8,
            0.1,
            key="words_temperature",
            persist_state="session",
            width=180,
        )
        seed = st.number_input(
            "Seed", 0, 2**31 - 1, 0, 1, key="words_seed", persist_state="session", width=150
        )
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
    as_chat = st.toggle(
        "As a chat message",
        template,
        key="words_chat",
        disabled=not template,
        help="In the model's own chat template; off: the prompt is the beginning of a text.",
    )
with st.container(horizontal=True):
    begun = st.button("Write", icon=":material/edit:", type="primary", key="words_write")
    st.button(
        "Stop",
        icon=":material/stop:",
        key="words_stop",
        help="Stops both texts; what is written stays.",
    )
st.caption(
    "Tokens the clamps leave alone are those of the board:"
    f" {', '.join(engine.setup.untouched) or 'none'}. Both texts get the same random draws, so they"
    " differ only where the probabilities do. A small model says much that is wrong without any"
    " clamp: compare the two, not with the truth."
)
verdict = st.empty()
places = []
for column, title in zip(
    st.columns(2, gap="large"), ("Without clamps", "With clamps"), strict=True
):
    with column.container(border=True):
        st.subheader(title, anchor=False)
        places.append(st.empty())
if begun:
    with show_problem():
        sampling = Sampling(temperature, int(seed))
        write(state.Words(prompt, as_chat, sampling, length, clamps, running=True))
elif (kept := state.words()) is not None:
    draw(kept._replace(running=False))
