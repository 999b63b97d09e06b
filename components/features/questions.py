"""The questions on which a feature fires where it can change the answer."""

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from backend.data.questions import QuestionSet
from backend.engine.engine import Engine
from backend.reading.feature_page import (
    FeaturePage,
    QuestionActivation,
    QuestionTokens,
    question_tokens,
)
from components.tokens.rows import Trying, draw_rows
from components.tokens.view import Row
from components.wording import plain

MOST_QUESTIONS = 12


def draw_questions(engine: Engine, page: FeaturePage, trying: Trying) -> None:
    """How many there are of each set, and the strongest of all or of one set; each can be tried."""
    st.header("Questions it fires on", anchor=False)
    st.dataframe(counts(page, engine.sets), hide_index=True, width="stretch", key="feature_sets")
    if not page.questions:
        return
    titles = {s.name: s.title for s in engine.sets}
    chosen = st.pills(
        "Only of",
        [name for name in titles if page.fires_on_questions[name]],
        format_func=lambda name: plain(titles[name]),
        key=f"feature_set_{page.feature}",
    )
    questions = [q for q in page.questions if chosen is None or q.set == chosen]
    shown = questions[:MOST_QUESTIONS]
    st.caption(
        f"{len(shown)} of {len(questions)}, strongest first; "
        "only positions that can change an answer count."
    )
    tokenizer = engine.tokenizer
    read = [question_tokens(engine.recording, tokenizer, q.place, page.feature) for q in shown]
    answers = [int(engine.sets.answers[q.place]) for q in shown]
    rows = [
        row_of(q, titles[q.set], tokens, answer)
        for q, tokens, answer in zip(shown, read, answers, strict=True)
    ]
    texts = [text_of(tokens, answer) for tokens, answer in zip(read, answers, strict=True)]
    draw_rows(rows, texts, f"feature_questions_{page.feature}_{chosen}", trying, page.max_act)


def counts(page: FeaturePage, sets: Iterable[QuestionSet]) -> pd.DataFrame:
    """One row a set: set, role, fires on, of (both numbers of questions). Pure."""
    return pd.DataFrame(
        [
            {
                "set": s.title,
                "role": s.role,
                "fires on": page.fires_on_questions[s.name],
                "of": len(s.questions),
            }
            for s in sets
        ]
    )


def row_of(question: QuestionActivation, title: str, read: QuestionTokens, answer: int) -> Row:
    """The question, shown for the token on which the feature fires strongest.

    `answer` is the right option, from 0. Where options are letters it stands in the margin.
    """
    letter = "" if read.options else f" · ✓ right: {'ABCD'[answer]}"
    return Row(
        f"{question.max_act:.2f}",
        f"{title} {question.index}{letter}",
        read.tokens,
        read.values,
        read.values.index(max(read.values)),
        read.options,
        read.options[answer] if read.options else None,
    )


def text_of(read: QuestionTokens, answer: int) -> str:
    """The question with its right option, as the model reads the two together. Pure."""
    if not read.options:
        return "".join(read.tokens)
    begins = [*read.options, len(read.tokens)]
    right = read.tokens[begins[answer] : begins[answer + 1]]
    return "".join([*read.tokens[: begins[0]], *right])
