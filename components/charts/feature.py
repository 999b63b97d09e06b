"""How strongly and how often a feature fires."""

import altair as alt
import pandas as pd

from components.charts.palette import ORANGE, role_scale
from components.charts.theme import text_colour

LOG_TICKS = [0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000]


def activation_histogram(bars: pd.DataFrame) -> alt.Chart:
    """Tokens by activation, on a log scale.

    `bars` as backend.features.measures.histogram gives them.
    """
    return (
        alt.Chart(bars[bars["tokens"] > 0])
        .mark_bar(color=ORANGE)
        .encode(
            x=alt.X("from:Q", bin="binned", title="activation"),
            x2="to:Q",
            y=alt.Y(
                "tokens:Q",
                scale=alt.Scale(type="symlog", domainMin=0),
                axis=alt.Axis(values=LOG_TICKS, format="~s"),
                title="tokens (log scale)",
            ),
            tooltip=[
                alt.Tooltip("from:Q", format=".1f"),
                alt.Tooltip("to:Q", format=".1f"),
                "tokens:Q",
            ],
        )
        .properties(height=180)
    )


def density_bars(rows: pd.DataFrame) -> alt.LayerChart:
    """How often a feature fires on each corpus.

    Columns: corpus, role, density (percent), said (the figure in words).
    """
    base = alt.Chart(rows).encode(
        y=alt.Y(
            "corpus:N",
            sort=None,
            title=None,
            axis=alt.Axis(labelLimit=180, ticks=False, domain=False),
        )
    )
    room = 1.9 * max(rows["density"].max(), 1e-6)
    bars = base.mark_bar(height=14).encode(
        x=alt.X(
            "density:Q",
            title="tokens it fires on, %",
            scale=alt.Scale(domain=[0, room]),
            axis=alt.Axis(tickCount=3, grid=False),
        ),
        color=alt.Color("role:N", scale=role_scale(), legend=None),
        tooltip=["corpus:N", "said:N"],
    )
    words = base.mark_text(align="left", dx=5).encode(
        x="density:Q", text="said:N", color=alt.value(text_colour())
    )
    return (bars + words).properties(height=40 * len(rows) + 60)
