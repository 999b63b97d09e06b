"""The accuracy of each set without and with clamps."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from backend.data.questions import CHANCE
from backend.evaluation.evaluate import SetResult
from backend.wording import ascii_signed, points
from components.charts.palette import CHANCE_GREY, role_scale

COLUMNS = ["set", "role", "baseline", "clamped", "low", "high", "n", "change"]


def dumbbell(sets: Sequence[SetResult], chance: float = CHANCE) -> alt.LayerChart:
    """Baseline (hollow) to clamped (filled) accuracy of each set; chance as a line.

    The change's 95 % interval is a band. Sets of which nothing is known yet are left out.
    """
    rows = pd.DataFrame(
        [_row(s) for s in sets if not s.waiting],
        columns=COLUMNS,
    )
    base = alt.Chart(rows).encode(
        y=alt.Y(
            "set:N", sort=None, title=None, axis=alt.Axis(labelLimit=240, ticks=False, domain=False)
        ),
        color=alt.Color("role:N", scale=role_scale(), legend=None),
        tooltip=[
            "set:N",
            alt.Tooltip("n:Q", title="questions"),
            alt.Tooltip("baseline:Q", format=".1f"),
            alt.Tooltip("clamped:Q", format=".1f"),
            "change:N",
        ],
    )
    x = alt.X("baseline:Q", scale=alt.Scale(domain=[0, 100]), title="accuracy, %")
    band = base.mark_bar(height=12, opacity=0.25, cornerRadius=3).encode(
        x=alt.X("low:Q", title="accuracy, %"), x2="high:Q"
    )
    line = base.mark_rule(strokeWidth=2).encode(x=x, x2="clamped:Q")
    before = base.mark_point(size=70, filled=False, strokeWidth=2).encode(x=x)
    after = base.mark_point(size=90, filled=True, opacity=1).encode(x=alt.X("clamped:Q"))
    guess = (
        alt.Chart(pd.DataFrame({"x": [100 * chance]}))
        .mark_rule(strokeDash=[4, 4], color=CHANCE_GREY)
        .encode(x="x:Q")
    )
    return (band + line + before + after + guess).properties(height=46 * len(rows) + 40)


def _row(s: SetResult) -> dict[str, str | float]:
    """In percent."""
    return {
        "set": f"{s.title} ({s.role})",
        "role": s.role,
        "baseline": 100 * s.baseline_accuracy,
        "clamped": 100 * s.accuracy,
        "low": max(0.0, 100 * s.baseline_accuracy + s.ci_low_pp),
        "high": min(100.0, 100 * s.baseline_accuracy + s.ci_high_pp),
        "n": s.n,
        "change": points(s.change_pp, s.ci_low_pp, s.ci_high_pp, ascii_signed),
    }
