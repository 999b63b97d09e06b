"""What was tried: the chart of all settings, and what each is called."""

import time
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st

from backend.evaluation.history import KEPT, Pooled, Trial, best_kept, trial_table
from backend.interventions.method import Setting
from backend.interventions.names import told_apart
from backend.wording import percent
from components.charts.trials import trials_chart
from components.pictures import show_chart
from components.wording import plain

NameOf = Callable[[Setting], str]


def trial_names(trials: Sequence[Trial], name_of: NameOf) -> dict[str, str]:
    """What each trial is called, no two alike: the user's name for it, or what it is."""
    called = [(t.run.name or name_of(t.run.setting), t.run.setting) for t in trials]
    names = told_apart(called, name_of)
    return {t.id: name for t, name in zip(trials, names, strict=True)}


def trial_lines(trials: Sequence[Trial], names: Mapping[str, str]) -> dict[str, str]:
    """One line for each trial's id, no two alike: a list hands back the line that was picked."""
    lines: dict[str, str] = {}
    for t in trials:
        when = time.strftime("%d %b %H:%M:%S", time.localtime(t.run.when))
        line = (
            f"{names[t.id]}: forget {percent(t.forget.percent / 100)}, "
            f"retain {percent(t.retain.percent / 100)}, {when}"
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
    max_act: Callable[[int], float] = lambda _: 0.0,
) -> str | None:
    """The chart with its legend in words; returns the id of the dot that is selected.

    `baseline` is forget and retain accuracy without clamps; `max_act` is a feature's largest
    activation. A new `key` draws the chart unselected.
    """
    event = show_chart(
        trials_chart(
            trial_table(trials, names, max_act),
            current,
            (baseline[0].percent, baseline[1].percent),
            published,
        ),
        "trials",
        on_select="rerun",
        selection_mode="run",
        key=key,
        alt="Every setting tried, by kind: retain accuracy across, forget accuracy up.",
    )
    st.caption(won([t for t in trials if not t.swept], names, baseline))
    with st.popover("How to read this", type="tertiary"):
        st.write(legend(trials, baseline))
        if published is not None and not published.empty:
            st.write("Published: results of others on the same sets.")
    points = event.selection.get("run", []) if event else []
    return points[0].get("id") if points else None


def legend(trials: Sequence[Trial], baseline: tuple[Pooled, Pooled]) -> str:
    """What the chart shows."""
    forget, retain = baseline
    swept = sum(t.swept for t in trials)
    n = len(trials) - swept
    points = f" and {swept} point{'s' if swept != 1 else ''} of sweeps, small and pale" * (
        swept > 0
    )
    return (
        f"{n} setting{'s' if n != 1 else ''}{points}, "
        f"each over {forget.n} forget and {retain.n} retain questions. "
        "Lower and further right is better: forgotten, and nothing else lost. "
        "The lines through a dot are 95 % intervals. Filled: the setting on the board. "
        "Steps join the settings that no other of their kind beats. "
        f"Dashed: {percent(KEPT, 0)} of the retain accuracy without clamps. "
        "An arrow at the edge: a dot that lies far outside, its figures in what it says."
    )


def won(trials: Sequence[Trial], names: Mapping[str, str], baseline: tuple[Pooled, Pooled]) -> str:
    """What forgets most with that much kept, of all clamps and of all rivals, as Markdown."""
    forget, retain = baseline

    def said(best: Trial) -> str:
        return f"{plain(names[best.id])}, {percent(best.forget.percent / 100)}"

    clamps = best_kept((t for t in trials if t.run.clamps), retain)
    of_clamps = (
        f"No clamp tried so far keeps {percent(KEPT, 0)} of the retain accuracy."
        if clamps is None
        else f"Most forgotten with {percent(KEPT, 0)} of retain kept: {said(clamps)} "
        f"instead of {percent(forget.percent / 100)}."
    )
    rivals = [t for t in trials if t.run.rival is not None]
    if not rivals:
        return of_clamps
    best = best_kept(rivals, retain)
    of_rivals = "No rival tried so far does." if best is None else f"Of the rivals: {said(best)}."
    return f"{of_clamps} {of_rivals}"
