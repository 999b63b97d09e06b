"""A feature's dose curve: accuracy on forget and retain questions by the clamp's strength."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from backend.data.questions import CHANCE
from backend.evaluation.evaluate import SetResult
from backend.experiments.dose import Dose
from components.charts.all import dose_curves
from components.figures.board import signed


def points(doses: Sequence[Dose]) -> pd.DataFrame:
    """One row for each strength and role, by strength; accuracies and their bounds in percent."""
    return pd.DataFrame(
        [
            {
                "multiple": dose.multiple,
                "value": dose.value,
                "role": s.role,
                "accuracy": 100 * s.accuracy,
                "baseline": 100 * s.baseline_accuracy,
                "low": 100 * s.baseline_accuracy + s.ci_low_pp,
                "high": 100 * s.baseline_accuracy + s.ci_high_pp,
                "n": s.n,
                "lost": s.lost,
                "gained": s.gained,
                "said": f"{s.role} at {dose.multiple:+g}x ({dose.value:g}): {said(s)}",
            }
            for dose in sorted(doses, key=lambda dose: dose.multiple)
            for s in (dose.forget, dose.retain)
        ]
    )


def said(s: SetResult) -> str:
    change = (
        f"{signed(s.change_pp)} pp [{signed(s.ci_low_pp)}, {signed(s.ci_high_pp)}]"
        if s.lost + s.gained
        else "no answer changed"
    )
    return f"{s.accuracy:.1%}, {change}, n {s.n}"


def draw_dose_curve(doses: Sequence[Dose], n_wanted: int) -> None:
    table = points(doses)
    n = {s.role: s.n for s in (doses[0].forget, doses[0].retain)}
    st.altair_chart(dose_curves(table, CHANCE), width="stretch")
    running = f" {len(doses)} of {n_wanted} strengths, running…" if len(doses) < n_wanted else ""
    st.caption(
        f"Over {n['forget']} forget questions (solid, dots) and {n['retain']} retain questions"
        f" (dashed, diamonds). Dotted: without a clamp. Band: 95 % interval of the change.{running}"
    )
    with st.expander("The curve as a table"):
        wide = {
            "multiple": "at",
            "role": "role",
            "accuracy": "accuracy, %",
            "said": "in words",
            "lost": "lost",
            "gained": "gained",
        }
        st.dataframe(
            table[list(wide)].rename(columns=wide),
            hide_index=True,
            width="stretch",
            column_config={
                "at": st.column_config.NumberColumn(format="%+.0fx"),
                "accuracy, %": st.column_config.NumberColumn(format="%.1f"),
            },
        )
