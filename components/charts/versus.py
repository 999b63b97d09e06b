"""Two settings: by how much B differs from A, set by set."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from backend.evaluation.versus import Versus
from backend.wording import percent, points, signed
from components.charts.palette import CHANCE_GREY, role_scale
from components.charts.theme import text_colour


def versus_chart(together: Sequence[Versus], sets: Sequence[Versus]) -> alt.LayerChart:
    """The paired difference in accuracy, B minus A, in points with its 95 % interval: all sets of a
    role together (squares), then each set (circles); a line where they do not differ.
    """
    rows = pd.DataFrame([*(_row(r, "together") for r in together), *(_row(r, "set") for r in sets)])
    y = alt.Y("set:N", sort=None, title=None, axis=alt.Axis(labelLimit=240, ticks=False))
    base = alt.Chart(rows).encode(
        y=y,
        color=alt.Color("role:N", scale=role_scale(), legend=None),
        tooltip=[
            alt.Tooltip("set:N"),
            alt.Tooltip("said:N", title="B minus A"),
            alt.Tooltip("a:N", title="A"),
            alt.Tooltip("b:N", title="B"),
            alt.Tooltip("n:Q", title="questions"),
        ],
    )
    title = "B minus A, percentage points"
    spread = base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", title=title), x2="high:Q")
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=alt.X("change:Q", title=title),
        shape=alt.Shape(
            "of:N",
            scale=alt.Scale(domain=["together", "set"], range=["square", "circle"]),
            legend=None,
        ),
    )
    figures = base.mark_text(align="left", dx=8, dy=-9, fontSize=11).encode(
        x="change:Q", text="short:N", color=alt.value(text_colour())
    )
    none = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=CHANCE_GREY, strokeDash=[4, 4])
    height = 34 * len(rows) + 40
    return (none.encode(x=alt.X("x:Q", title=title)) + spread + dots + figures).properties(
        height=height
    )


def _row(r: Versus, of: str) -> dict[str, str | float]:
    c = r.change
    return {
        "set": r.title if of == "together" else f"{r.title} ({r.role})",
        "of": of,
        "role": r.role,
        "change": c.change_pp,
        "low": c.ci_low_pp,
        "high": c.ci_high_pp,
        "short": signed(c.change_pp),
        "said": points(c.change_pp, c.ci_low_pp, c.ci_high_pp),
        "a": percent(r.a),
        "b": percent(r.b),
        "n": r.n,
    }
