"""Texts written for the same prompt side by side, without and with clamps and by a rival, and where
they part.
"""

from collections.abc import Sequence
from itertools import zip_longest

import streamlit as st

from backend.experiments.generate import Written, gate_in_words
from backend.interventions.method import Setting
from backend.interventions.rival import PUSHED
from backend.interventions.rival import in_words as rival_in_words
from backend.progress import Progress
from components.progress_bar import in_words
from components.texts.marked import STYLE as MARKED
from components.texts.marked import parting, written_html
from components.values import Words
from components.wording import plain

STYLE = """<style>
.st-key-words_texts [data-testid="stColumn"] { min-width: min(100%, 18rem); }
.st-key-words_texts .wt { min-height: 6rem; }
</style>"""
"""Texts stand below each other where they would be narrower than a line can be read."""


class SideBySide:
    """The texts' places on the page, with a line above that says how they compare."""

    def __init__(self, prompt: str, settings: Sequence[Setting], shown: Sequence[Setting]):
        """`prompt` and `settings` are those on the page now; the texts may be of others: `shown`
        are their settings.
        """
        self._prompt, self._settings = prompt, tuple(settings)
        self._verdict = st.empty()
        self._places = []
        st.html(STYLE)
        with st.container(key="words_texts"):
            columns = st.columns(len(shown), gap="medium")
        for i, column in enumerate(columns):
            with column.container(border=True):
                st.header(plain(title(shown, i)), anchor=False)
                self._places.append(st.empty())

    def draw(self, words: Words) -> None:
        marks = parts(words)
        for i, (place, written) in enumerate(zip(self._places, words.texts, strict=True)):
            with place.container():
                label = title(words.settings, i)
                st.html(MARKED + written_html(written, label, marks[i]))
                st.caption(note(written, words.settings[i], words))
        self._verdict.caption(verdict(words, self._prompt, self._settings))

    def on_wait(self, progress: Progress) -> None:
        self._verdict.caption(in_words(progress))


def title(settings: Sequence[Setting], i: int) -> str:
    """What the i-th text is written with."""
    if i == 0:
        return "Without clamps"
    rival = settings[i].rival
    return "With clamps" if rival is None else rival_in_words(rival)


def parts(words: Words) -> list[frozenset[int]]:
    """Of each text, the tokens in which it differs from the first, and of two texts those of the
    first too. Nothing while they are being written.
    """
    first, *others = (text.ids for text in words.texts)
    if words.running or not others:
        return [frozenset() for _ in words.texts]
    pairs = [parting(first, other) for other in others]
    return [pairs[0][0] if len(pairs) == 1 else frozenset(), *(theirs for _, theirs in pairs)]


def note(written: Written, setting: Setting, words: Words) -> str:
    """What there is to know of a text, in words."""
    n = len(written.ids)
    said = f"{n} tokens, {_end(written, words)}"
    rival = setting.rival
    if not setting or (rival is not None and rival.kind not in PUSHED):
        return said
    edited = len(written.edited) - written.edited_in_prompt
    gate = f"; {when}" if (when := gate_in_words(written)) else ""
    acted = "clamped" if rival is None else "pushed"
    return (
        f"{said}{gate}; {acted} at {written.edited_in_prompt} of {written.n_prompt} prompt tokens "
        f"and {edited} of {n} written ones"
    )


def _end(written: Written, words: Words) -> str:
    if written.ended:
        return "ended by the model"
    if len(written.ids) == words.max_tokens:
        return "the length limit"
    return "writing…" if words.running else "stopped"


def verdict(words: Words, prompt: str, settings: Sequence[Setting]) -> str:
    """How the texts compare, and whether they are of another prompt, or settings, than these."""
    if words.running:
        return "Writing…"
    first, *others = (text.ids for text in words.texts)
    if not first and not any(others):
        return "Nothing was written."
    said = []
    if words.settings != tuple(settings):
        said.append("Written with other settings than those now on.")
    if words.prompt != prompt:
        said.append(f"Written for the prompt “{plain(words.prompt[:200])}”.")
    same = [_same(first, other) for other in others]
    if len(others) == 1:
        said.append(
            "Both texts are the same."
            if same[0] is None
            else f"The two texts are the same for {_tokens(same[0])}, then part."
        )
    else:
        parts = (
            f"{plain(title(words.settings, i))}: "
            + ("the same as without." if n is None else f"the same for {_tokens(n)}, then another.")
            for i, n in enumerate(same, 1)
        )
        said.extend(parts)
    return " ".join(said)


def _same(one: Sequence[int], other: Sequence[int]) -> int | None:
    """For how many tokens two texts are the same; None where they are."""
    pairs = zip_longest(one, other)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), None)


def _tokens(n: int) -> str:
    return f"{n} token{'s' if n != 1 else ''}"
