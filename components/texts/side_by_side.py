"""Two texts written for the same prompt, without and with clamps, and where they part."""

import html
from itertools import zip_longest

import streamlit as st

from backend.experiments.generate import Written, gate_in_words
from backend.interventions.method import NOTHING, Setting
from backend.progress import Progress
from components.progress_bar import in_words
from components.values import Words
from components.wording import plain

TITLES = ("Without clamps", "With clamps")


class SideBySide:
    """The texts' places on the page, with a line above that says how they compare."""

    def __init__(self, prompt: str, setting: Setting):
        """`prompt` and `setting` are those on the page now; the texts may be of others."""
        self._prompt = prompt
        self._setting = setting
        self._verdict = st.empty()
        self._places = []
        for column, title in zip(st.columns(2, gap="large"), TITLES, strict=True):
            with column.container(border=True):
                st.subheader(title, anchor=False)
                self._places.append(st.empty())

    def draw(self, words: Words) -> None:
        before, after = words.texts
        without, with_clamps = self._places
        with without.container():
            st.html(text_html(before))
            st.caption(note(before, words._replace(setting=NOTHING)))
        with with_clamps.container():
            st.html(text_html(after))
            st.caption(note(after, words))
        self._verdict.caption(verdict(words, self._prompt, self._setting))

    def on_wait(self, progress: Progress) -> None:
        self._verdict.caption(in_words(progress))


def text_html(written: Written) -> str:
    """The text as it is, escaped."""
    return (
        '<div dir="auto" style="white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.6;'
        f'min-height:6rem">{html.escape(written.text.strip())}</div>'
    )


def note(written: Written, words: Words) -> str:
    """What there is to know of a text, in words."""
    n = len(written.ids)
    said = f"{n} tokens, {_end(written, words)}"
    if not words.setting:
        return said
    edited = len(written.edited) - written.edited_in_prompt
    gate = f"; {when}" if (when := gate_in_words(written)) else ""
    return (
        f"{said}{gate}; clamped at {written.edited_in_prompt} of {written.n_prompt} prompt tokens "
        f"and {edited} of {n} written ones"
    )


def _end(written: Written, words: Words) -> str:
    if written.ended:
        return "ended by the model"
    if len(written.ids) == words.max_tokens:
        return "the length limit"
    return "writing…" if words.running else "stopped"


def verdict(words: Words, prompt: str, setting: Setting) -> str:
    """How the texts compare, and whether they are of another prompt or other clamps than these."""
    if words.running:
        return "Writing…"
    before, after = (text.ids for text in words.texts)
    if not before and not after:
        return "Nothing was written."
    said = []
    if words.setting != setting:
        said.append("Written with another setting than the one now on.")
    if words.prompt != prompt:
        said.append(f"Written for the prompt “{plain(words.prompt[:200])}”.")
    pairs = zip_longest(before, after)
    same = next((i for i, (one, other) in enumerate(pairs) if one != other), None)
    said.append(
        "Both texts are the same."
        if same is None
        else f"The two texts are the same for {same} token{'s' if same != 1 else ''}, then part."
    )
    return " ".join(said)
