"""The table of features that the search page shows."""

import hashlib
import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from backend.features.search import WHY


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
        if not math.isnan(act):
            mine.append(f"your text: {act:.1f} at “{tokens[at].strip()}”")
        out.append(mine)
    return out


def draw_feature_table(
    table: pd.DataFrame, why: list[list[str]], n_questions: dict[str, int], ranked_by: str | None
) -> list[int]:
    """Draw the features in the order given; return those whose rows are selected.

    `n_questions` are the forget and retain questions there are; `ranked_by` names the score the
    list is ordered by, if it has a column.
    """
    words = table["top_words"].str[:8].str.join(", ")
    instead = "(" + table["top_words"].str[:4].str.join(", ") + ")"
    shown = pd.DataFrame(
        {
            "feature": table["feature"],
            "star": table["star"].map({True: "★", False: ""}),
            "label": table["label"].where(table["label"] != "", instead),
            "why": why,
            "rank": table["rank_score"],
            "forget": 100 * table["forget_density"],
            "retain": 100 * table["retain_density"],
            "selectivity": table["selectivity"],
            "on_forget": table["fires_forget"],
            "on_retain": table["fires_retain"],
            "known": table["known_forget"],
            "max": table["max_act"],
            "words": words,
        }
    )
    scores = ["rank"] if ranked_by else []
    if "attr_forget" in table:
        scores = ["attr_forget", "attr_retain"]
        shown = shown.assign(attr_forget=table["attr_forget"], attr_retain=table["attr_retain"])
    reason = ["why"] if any(why) else []
    order = [
        *("feature", "star", "label"),
        *reason,
        *scores,
        *("forget", "retain", "selectivity"),
        *("on_forget", "on_retain", "known"),
        *("max", "words"),
    ]
    # another list, another selection
    key = hashlib.sha256(repr((table["feature"].tolist(), order)).encode()).hexdigest()[:12]
    event = st.dataframe(
        shown,
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="multi-row",
        key=f"feature_table_{key}",
        column_order=order,
        column_config={
            "feature": st.column_config.NumberColumn("#", format="%d", width=60),
            "star": st.column_config.TextColumn("★", width=30),
            "label": st.column_config.TextColumn("Label (or words)", width=205),
            "why": st.column_config.ListColumn("Why it is here", width=245),
            "rank": st.column_config.NumberColumn(
                "Score", format="%.3g", width="small", help=f"Ranked by {ranked_by}"
            ),
            "attr_forget": st.column_config.NumberColumn(
                "Attr. forget",
                format="%+.3f",
                width="small",
                help="Mean attribution to the right answer's margin, forget questions",
            ),
            "attr_retain": st.column_config.NumberColumn(
                "Attr. retain", format="%+.3f", width="small", help="The same over retain questions"
            ),
            "forget": st.column_config.NumberColumn(
                "Forget",
                format="%.3f %%",
                width=72,
                help="Share of forget tokens on which it fires",
            ),
            "retain": st.column_config.NumberColumn(
                "Retain",
                format="%.3f %%",
                width=72,
                help="Share of retain tokens on which it fires",
            ),
            "selectivity": st.column_config.NumberColumn(
                "Selectivity", format="%+.1f", width=80, help="log2 of forget over retain density"
            ),
            "on_forget": st.column_config.NumberColumn(
                "Forget q.",
                format="%d",
                width=76,
                help=f"Of {n_questions['forget']} forget questions, those it fires on",
            ),
            "on_retain": st.column_config.NumberColumn(
                "Retain q.",
                format="%d",
                width=76,
                help=f"Of {n_questions['retain']} retain questions, those it fires on",
            ),
            "known": st.column_config.NumberColumn(
                "Known",
                format="%d",
                width=65,
                help="Forget questions it fires on that the model answers right without a clamp",
            ),
            "max": st.column_config.NumberColumn("Max act", format="%.1f", width=66),
            "words": st.column_config.TextColumn("Fires on", width="large"),
        },
    )
    return [int(table["feature"].iloc[row]) for row in event.selection.rows if row < len(table)]
