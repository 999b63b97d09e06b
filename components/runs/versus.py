"""Two settings side by side: their pins, their figures, their clamps and their answers."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st

from backend.engine.engine import Engine
from backend.evaluation.versus import (
    Versus,
    questions_side_by_side,
    settings_side_by_side,
    together,
    versus,
)
from backend.interventions.method import Setting, in_words
from backend.interventions.rival import in_words as rival_in_words
from backend.wording import percent, points
from components.charts.versus import versus_chart
from components.pictures import show_chart
from components.values import PINS, Pins
from components.wording import plain

KINDS = ("only A", "only B", "both", "neither")


def draw_pins(
    engine: Engine,
    pins: Pins,
    names: Mapping[Setting, str],
    on_pin: Callable[[str, Setting | None], None],
) -> None:
    """What is pinned as A and as B, and the two compared.

    `names` are what the settings tried are called in a list with these pins, others are named by
    themselves; `on_pin` is called with None to take a pin away.
    """
    pinned = [engine.finished(setting) if setting is not None else None for setting in pins]
    st.header("A and B", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        for which, setting, evaluation in zip(PINS, pins, pinned, strict=True):
            if setting is None or evaluation is None:
                st.text(f"{which}: nothing pinned")
            else:
                st.text(f"{which}: {names.get(setting) or engine.name_of(setting)}")
                st.button(f"Unpin {which}", on_click=on_pin, args=(which, None), type="tertiary")
    a, b = pinned
    if a is None or b is None:
        st.caption(
            "Select a run and compare it with the board, or pin two, to see them side by side."
        )
        return
    settings = settings_side_by_side(a.clamps, b.clamps)
    settings.insert(1, "label", [engine.atlas.name(f) for f in settings["feature"]])
    said = [when_it_acts(evaluation.setting) for evaluation in (a, b)]
    if said[0] != said[1]:
        st.caption(f"When they act: A {plain(said[0])}; B {plain(said[1])}.")
    draw_versus(versus(engine.sets, a, b), settings, questions_side_by_side(engine.sets, a, b))


def when_it_acts(setting: Setting) -> str:
    if setting.rival is not None:
        return f"{rival_in_words(setting.rival)}, in the place of clamps"
    return in_words(setting.method) or "wherever a clamped feature fires"


def versus_table(rows: Sequence[Versus]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Set": r.title if r.title == f"all {r.role}" else f"{r.title} ({r.role})",
                "n": r.n,
                "A": f"{percent(r.a)}",
                "B": f"{percent(r.b)}",
                "From A to B, 95 % interval": (
                    "the same answers right"
                    if r.only_a + r.only_b == 0
                    else points(r.change.change_pp, r.change.ci_low_pp, r.change.ci_high_pp)
                ),
                "Right only in A": r.only_a,
                "Right only in B": r.only_b,
                "p": f"{r.change.p_value:.2g}",
            }
            for r in rows
        ]
    )


def draw_versus(rows: Sequence[Versus], settings: pd.DataFrame, questions: pd.DataFrame) -> None:
    """Two settings: figures set by set, values feature by feature, answers question by question."""
    show_chart(versus_chart(together(rows), rows), "a_against_b")
    st.caption(
        "How much more B gets right than A, question by question, with 95 % intervals: "
        "an interval off the line at 0 is a difference. Squares: all sets of a role together."
    )
    st.dataframe(versus_table([*together(rows), *rows]), hide_index=True, width="stretch")
    if len(settings):
        _draw_settings(settings)
    _draw_questions(questions)


def _draw_settings(settings: pd.DataFrame) -> None:
    same = settings["a"].eq(settings["b"]).sum()
    st.markdown("**Settings**")
    st.caption(
        f"{len(settings)} features: {settings['b'].isna().sum()} only in A, "
        f"{settings['a'].isna().sum()} only in B, {same} with the same value in both. "
        "Raw activation units."
    )
    st.dataframe(
        settings,
        hide_index=True,
        width="stretch",
        height=min(300, 80 + 35 * len(settings)),
        column_config={
            "feature": st.column_config.NumberColumn("#", format="%d"),
            "label": "Label (or words)",
            "a": st.column_config.NumberColumn("A", format="%.1f"),
            "b": st.column_config.NumberColumn("B", format="%.1f"),
        },
    )


def _draw_questions(questions: pd.DataFrame) -> None:
    st.markdown("**Questions**")
    counts = questions["right under"].value_counts()
    chosen = st.pills(
        "Right under",
        KINDS,
        selection_mode="multi",
        default=["only A", "only B"],
        key="versus_kind",
        format_func=lambda kind: f"{kind} {counts.get(kind, 0)}",
    )
    rows_shown = questions[questions["right under"].isin(chosen)]
    st.caption(
        f"{len(rows_shown)} of {len(questions)} questions. "
        "P is the share of the four options' likelihood that the right answer gets."
    )
    st.dataframe(
        rows_shown,
        hide_index=True,
        width="stretch",
        height=min(420, 80 + 35 * len(rows_shown)),
        column_config={
            "right under": "Right under",
            "question": st.column_config.TextColumn("Question", width="large"),
            "right": "Right answer",
            "a": "Answer in A",
            "b": "Answer in B",
            "p_a": st.column_config.NumberColumn("P in A", format="%.2f"),
            "p_b": st.column_config.NumberColumn("P in B", format="%.2f"),
            "set": "Set",
            "topic": "Topic",
        },
    )
