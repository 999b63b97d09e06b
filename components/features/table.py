"""The list of features that the search page shows: a row opens its feature, its box chooses it."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from backend.features.search import WHY
from backend.reading.snippets import Snippet
from backend.wording import percent, signed, with_minus
from components.element import element
from components.tokens.quoted import quoted, shown_token
from components.tokens.view import opacity

_list = element(__file__, "feature_list")


class Column(NamedTuple):
    """A column of numbers."""

    title: str
    help: str
    source: str
    """Column of the table that backend.features.finding.find gives."""
    said: Callable[[float], str]
    """A number of it, in words."""


def columns(
    table: pd.DataFrame, n_questions: Mapping[str, int], ranked_by: str | None, more: bool
) -> list[Column]:
    """The columns of a list, from left to right. Pure.

    `n_questions` are the forget and retain questions there are; `ranked_by` names the score the
    list is ordered by, if it has a column; `more`: those that are seldom looked at as well.
    """
    usual = [
        Column(
            f"{role.capitalize()} q.",
            f"Of {n_questions[role]} {role} questions, those it fires on",
            f"fires_{role}",
            lambda n: f"{n:,.0f}",
        )
        for role in ("forget", "retain")
    ] + [
        Column(
            f"{role.capitalize()} %",
            f"Density: the share of {role} tokens on which it fires",
            f"{role}_density",
            lambda share: percent(share, 3).removesuffix(" %"),
        )
        for role in ("forget", "retain")
    ]
    attributed = [
        Column(
            f"Attr. {role}",
            f"Mean attribution to the right answer's margin, {role} questions",
            f"attr_{role}",
            lambda value: signed(value, 3),
        )
        for role in ("forget", "retain")
        if f"attr_{role}" in table
    ]
    score = Column(
        "Score", f"Ranked by {ranked_by}", "rank_score", lambda x: with_minus(f"{x:.3g}")
    )
    seldom = [
        Column("Selectivity", "log2 of forget over retain density", "selectivity", signed),
        Column(
            "Known q.",
            "Forget questions it fires on that the model answers right without a clamp",
            "known_forget",
            lambda n: f"{n:,.0f}",
        ),
        Column("Max act", "Its strongest activation in the passages", "max_act", "{:.1f}".format),
    ]
    return [
        *usual,
        *(attributed or ([score] if ranked_by else [])),
        *(seldom if more else []),
    ]


def reasons(
    table: pd.DataFrame, words: dict[int, dict[str, list[str]]], tokens: Sequence[str]
) -> list[list[str]]:
    """Why each row is there, one phrase for each signal. Pure.

    Signals are the label, top examples, promoted tokens and the user's text. `words` are
    backend.features.search.SearchIndex.why, `tokens` the user's text; the table has act and at of
    backend.features.finding.find.
    """
    out = []
    for feature, act, at in zip(table["feature"], table["act"], table["at"], strict=True):
        mine = [
            f"{WHY[field]}: {', '.join(found[:4])}"
            for field, found in words.get(feature, {}).items()
        ]
        if at >= 0:
            mine.append(f"your text: {act:.1f} at “{tokens[at].strip()}”")
        out.append(mine)
    return out


def rows(
    table: pd.DataFrame,
    why: Sequence[Sequence[str]],
    snippets: Mapping[int, Snippet],
    shown: Sequence[Column],
    more: bool,
) -> list[dict[str, Any]]:
    """What the browser is told of each feature. Pure; text is data there (textContent)."""
    out = []
    for row, reason in zip(table.to_dict("records"), why, strict=True):
        snippet = snippets.get(row["feature"])
        instead = list(row["top_words"][:4])
        if not instead and snippet:
            instead = [quoted(snippet.tokens[snippet.at])]
        lines = list(reason)
        if more and len(row["top_words"]):
            lines.append(f"fires on: {', '.join(row['top_words'])}")
        out.append(
            {
                "feature": int(row["feature"]),
                "star": bool(row["star"]),
                "label": row["label"] or ", ".join(instead) or "never fires here",
                "labelled": bool(row["label"]),
                "why": lines,
                "snippet": _pieces(snippet) if snippet else [],
                "cells": [column.said(row[column.source]) for column in shown],
                "values": [_number(row[column.source]) for column in shown],
            }
        )
    return out


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def _pieces(snippet: Snippet) -> list[list[Any]]:
    """Runs of the text: [text, how brightly it is lit, whether it is the strongest].

    The space before a lit word is not lit: at the end of a line it would be a stray mark.
    """
    top = snippet.values[snippet.at]
    pieces: list[list[Any]] = [["…" if snippet.cut_before else "", 0, False]]
    for i, (token, value) in enumerate(zip(snippet.tokens, snippet.values, strict=True)):
        text, lit, strongest = shown_token(token), round(opacity(value, top), 2), i == snippet.at
        if lit and text.strip(" "):
            dark, text = text[: len(text) - len(text.lstrip(" "))], text.lstrip(" ")
            _add(pieces, dark, 0, False)
        _add(pieces, text, lit, strongest)
    _add(pieces, "…" if snippet.cut_after else "", 0, False)
    return [piece for piece in pieces if piece[0]]


def _add(pieces: list[list[Any]], text: str, lit: float, strongest: bool) -> None:
    if lit or pieces[-1][1]:
        pieces.append([text, lit, strongest])
    else:
        pieces[-1][0] += text


def draw_feature_table(
    table: pd.DataFrame,
    listed: Sequence[dict[str, Any]],
    shown: Sequence[Column],
    ticked_before: Collection[int],
    query: str,
    on_tick: Callable[[str, list[int]], None],
) -> int | None:
    """Draw the features in the order given; returns the one the user opens, if any.

    `listed` as `rows` gives it. `ticked_before` have a tick; `query` are the parameters of a link
    that opens a feature in another tab. `on_tick` is called with the element's key and the features
    of the list once the user changed a tick: `ticked` then says which have one.
    """
    features = table["feature"].tolist()
    titles = [column.title for column in shown]
    version = hashlib.sha256(repr((listed, titles)).encode()).hexdigest()[:12]
    key = f"feature_list_{hashlib.sha256(repr(features).encode()).hexdigest()[:12]}"
    result = _list(
        key=key,
        on_edit_change=lambda: on_tick(key, features),
        on_open_change=lambda: None,
        data={
            "version": version,
            "seen": (_edit(key) or {}).get("number", 0),
            "columns": [{"title": c.title, "help": c.help} for c in shown],
            "rows": list(listed),
            "ticked": [feature for feature in features if feature in ticked_before],
            "query": query,
        },
    )
    return result.open if result.open in features else None


def ticked(key: str, features: Sequence[int]) -> list[int]:
    """Those of the list's features that have a tick on the page."""
    mine = (_edit(key) or {}).get("ticked", [])
    return [feature for feature in features if feature in mine] if isinstance(mine, list) else []


def _edit(key: str) -> dict[str, Any] | None:
    edit = st.session_state.get(key, {}).get("edit")
    return edit if isinstance(edit, dict) else None
