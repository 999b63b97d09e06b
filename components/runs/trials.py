"""What was tried: the chart of all settings, and what each is called."""

import time
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st

from backend.evaluation.history import KEPT, KINDS, Pooled, Trial, best_kept, trial_table
from backend.interventions.method import Setting, in_words
from backend.interventions.rival import in_words as rival_in_words
from components.charts.trials import trials_chart
from components.wording import plain


def trial_names(
    trials: Sequence[Trial],
    feature_name: Callable[[int], str],
    preset_titles: Mapping[Setting, str],
) -> dict[str, str]:
    """What each trial is called: the user's name for it, the preset it is, or what it clamps; the
    method is said beside it, unless the preset says it. A rival is called what it is.
    """

    def of(trial: Trial) -> str:
        setting = trial.run.setting
        if setting in preset_titles and not trial.run.name:
            return preset_titles[setting]
        if setting.rival is not None:
            said = rival_in_words(setting.rival)
            return f"{trial.run.name} ({said})" if trial.run.name else said
        method = in_words(setting.method)
        return (trial.run.name or clamped(setting)) + (f" ({method})" if method else "")

    def clamped(setting: Setting) -> str:
        if len(setting.clamps) == 1:
            feature, value = setting.clamps[0]
            return f"{feature} · {feature_name(feature)} at {value:g}"
        return f"{len(setting.clamps)} features" if setting else "no clamp"

    return {trial.id: of(trial) for trial in trials}


def trial_lines(trials: Sequence[Trial], names: dict[str, str]) -> dict[str, str]:
    """One line for each trial's id, no two alike: a list hands back the line that was picked."""
    lines: dict[str, str] = {}
    for t in trials:
        when = time.strftime("%d %b %H:%M:%S", time.localtime(t.run.when))
        line = (
            f"{names[t.id]}: forget {t.forget.percent:.1f} %, retain {t.retain.percent:.1f} %, "
            f"{when}"
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
    """The chart with its legend in words; returns the id of the dot that is selected.

    `baseline` is forget and retain accuracy without clamps. A new `key` draws the chart unselected.
    """
    _, retain = baseline
    event = st.altair_chart(
        trials_chart(trial_table(trials, names), current, retain.percent, published),
        on_select="rerun",
        selection_mode="run",
        key=key,
        width="stretch",
        alt="Every setting tried, by kind: retain accuracy across, forget accuracy up.",
    )
    others = published is not None and not published.empty
    st.caption(
        legend(trials, names, baseline)
        + (" Published: results of others on the same sets." if others else "")
    )
    points = event.selection.get("run", []) if event else []
    return points[0].get("id") if points else None


def legend(trials: Sequence[Trial], names: dict[str, str], baseline: tuple[Pooled, Pooled]) -> str:
    """What the chart shows, and the best of it."""
    forget, retain = baseline
    return (
        f"{len(trials)} setting{'s' if len(trials) != 1 else ''}, "
        f"each over {forget.n} forget and {retain.n} retain questions; "
        "the lines through a dot are 95 % intervals. Filled: the setting on the board. "
        "Lower and further right is better: "
        "steps join the settings that no other of their kind beats. "
        f"Dashed: {100 * KEPT:.0f} % of the retain accuracy without clamps. "
        f"{plain(won(trials, names, baseline))}"
    )


def won(trials: Sequence[Trial], names: dict[str, str], baseline: tuple[Pooled, Pooled]) -> str:
    """What forgets most with that much kept: of all clamps, and of each kind of rival."""
    forget, retain = baseline

    def said(best: Trial) -> str:
        return f"{names[best.id]}, {best.forget.percent:.1f} %"

    clamps = best_kept((t for t in trials if t.run.clamps), retain)
    of_clamps = (
        "No clamp tried so far keeps that much."
        if clamps is None
        else f"The most forgotten with that much kept: {said(clamps)} "
        f"instead of {forget.percent:.1f} %."
    )
    rivals = [t for t in trials if t.run.rival is not None]
    if not rivals:
        return of_clamps
    of_kinds = [best_kept((t for t in rivals if t.kind == kind), retain) for kind in KINDS]
    found = "; ".join(said(best) for best in of_kinds if best is not None)
    return f"{of_clamps} {f'Of the rivals: {found}.' if found else 'No rival tried so far does.'}"
