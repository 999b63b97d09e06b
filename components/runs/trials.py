"""What was tried, drawn: the chart of all settings, one chosen, two side by side."""

import time
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st

from backend.evaluation.history import KEPT, Pooled, Trial, Versus, best_kept, trial_table
from backend.interventions.edit import Clamps
from components.charts.trials import trials_chart
from components.figures.board import signed
from components.frame import plain


def trial_names(
    trials: Sequence[Trial], feature_name: Callable[[int], str], preset_titles: Mapping[Clamps, str]
) -> dict[str, str]:
    """What each trial is called: the user's name for it, the preset it is, or what it clamps."""

    def of(trial: Trial) -> str:
        clamps = trial.run.clamps
        if trial.run.name:
            return trial.run.name
        if clamps in preset_titles:
            return preset_titles[clamps]
        if len(clamps) == 1:
            return f"{clamps[0].feature} · {feature_name(clamps[0].feature)} at {clamps[0].value:g}"
        return f"{len(clamps)} features" if clamps else "no clamp"

    return {trial.id: of(trial) for trial in trials}


def trial_lines(trials: Sequence[Trial], names: dict[str, str]) -> dict[str, str]:
    """One line for each trial's id, no two alike: a list hands back the line that was picked."""
    lines: dict[str, str] = {}
    for t in trials:
        when = time.strftime("%d %b %H:%M:%S", time.localtime(t.run.when))
        line = (
            f"{names[t.id]}: forget {t.forget.percent:.1f} %, retain {t.retain.percent:.1f} %,"
            f" {when}"
        )
        twins = sum(other == line or other.startswith(f"{line} (") for other in lines.values())
        lines[t.id] = f"{line} ({twins + 1})" if twins else line
    return lines


def draw_chart(
    trials: Sequence[Trial],
    names: dict[str, str],
    current: str | None,
    baseline: tuple[Pooled, Pooled],
    key: str,
    published: pd.DataFrame | None = None,
) -> str | None:
    """The chart with its legend in words; returns the id of the dot that is selected. A new `key`
    draws it unselected.
    """
    forget, retain = baseline
    event = st.altair_chart(
        trials_chart(trial_table(trials, names), current, retain.percent, published),
        on_select="rerun",
        selection_mode="run",
        key=key,
        width="stretch",
        alt="Every setting tried: retain accuracy across, forget accuracy up.",
    )
    best = best_kept([t for t in trials if t.run.clamps], retain)
    won = (
        "No clamp tried so far keeps that much."
        if best is None
        else (
            f"The most forgotten with that much kept: {names[best.id]}, {best.forget.percent:.1f} %"
            f" instead of {forget.percent:.1f} %."
        )
    )
    st.caption(
        f"{len(trials)} setting{'s' if len(trials) != 1 else ''}, each over {forget.n} forget and"
        f" {retain.n} retain questions; the lines through a dot are 95 % intervals. Filled: the"
        " setting on the board. Lower and further right is better: the orange steps join the"
        f" settings that no other beats. Dashed: {100 * KEPT:.0f} % of the retain accuracy without"
        f" clamps. {plain(won)}"
        + (
            ""
            if published is None or published.empty
            else " Grey diamonds: published results on the same sets."
        )
    )
    points = event.selection.get("run", []) if event else []
    return points[0].get("id") if points else None


def versus_table(rows: Sequence[Versus]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Set": f"{r.title} ({r.role})",
                "n": r.n,
                "A": f"{r.a:.1%}",
                "B": f"{r.b:.1%}",
                "From A to B, 95 % interval": (
                    "the same answers right"
                    if r.only_a + r.only_b == 0
                    else (
                        f"{signed(r.change.change_pp)} pp [{signed(r.change.ci_low_pp)},"
                        f" {signed(r.change.ci_high_pp)}]"
                    )
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
    st.dataframe(versus_table(rows), hide_index=True, width="stretch")
    same = settings["a"].eq(settings["b"]).sum()
    st.markdown("**Settings**")
    st.caption(
        f"{len(settings)} features: {settings['b'].isna().sum()} only in A,"
        f" {settings['a'].isna().sum()} only in B, {same} with the same value in both. Raw"
        " activation units."
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
    st.markdown("**Questions**")
    kinds, counts = ("only A", "only B", "both", "neither"), questions["right under"].value_counts()
    chosen = st.pills(
        "Right under",
        kinds,
        selection_mode="multi",
        default=["only A", "only B"],
        key="versus_kind",
        format_func=lambda kind: f"{kind} {counts.get(kind, 0)}",
    )
    rows_shown = questions[questions["right under"].isin(chosen)]
    st.caption(
        f"{len(rows_shown)} of {len(questions)} questions. P is the share of the four options'"
        " likelihood that the right answer gets."
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
