"""Charts as pure functions from data to Altair; no Streamlit here."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from backend.evaluation.evaluate import SetResult

FORGET, RETAIN = "#d95f02", "#1b7fbd"
"""Told apart on light and dark, and by colour-blind eyes; the role also stands in words on the
axis.
"""
CHANCE_GREY = "#888888"


def role_scale() -> alt.Scale:
    return alt.Scale(domain=["forget", "retain"], range=[FORGET, RETAIN])


def dumbbell(sets: Sequence[SetResult], chance: float) -> alt.LayerChart:
    """Baseline (hollow) to clamped (filled) accuracy of each set, the change's 95 % interval as a
    band, chance as a line.

    Sets of which nothing is known yet are left out.
    """
    columns = ["set", "role", "baseline", "clamped", "low", "high", "n", "change"]
    rows = pd.DataFrame(
        [
            {
                "set": f"{s.title} ({s.role})",
                "role": s.role,
                "baseline": 100 * s.baseline_accuracy,
                "clamped": 100 * s.accuracy,
                "low": max(0.0, 100 * s.baseline_accuracy + s.ci_low_pp),
                "high": min(100.0, 100 * s.baseline_accuracy + s.ci_high_pp),
                "n": s.n,
                "change": f"{s.change_pp:+.1f} pp [{s.ci_low_pp:+.1f}, {s.ci_high_pp:+.1f}]",
            }
            for s in sets
            if s.n_done or not s.n_affected
        ],
        columns=columns,
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


def controls_chart(effects: pd.DataFrame) -> alt.LayerChart:
    """Change in points of each setting, forget and retain sets under each other; settings of one
    group share a line.

    `effects` has the columns group, name, role, change, low, high, n; the first group is the user's
    own.
    """
    groups = list(dict.fromkeys(effects["group"]))
    base = alt.Chart(effects).encode(
        y=alt.Y(
            "group:N",
            sort=groups,
            title=None,
            axis=alt.Axis(labelLimit=260, ticks=False, domain=False),
        ),
        yOffset=alt.YOffset("role:N", sort=["forget", "retain"]),
        color=alt.Color("role:N", scale=role_scale(), title=None, legend=alt.Legend(orient="top")),
        tooltip=[
            "name:N",
            "role:N",
            alt.Tooltip("change:Q", format="+.1f"),
            alt.Tooltip("low:Q", format="+.1f"),
            alt.Tooltip("high:Q", format="+.1f"),
            "n:Q",
        ],
    )
    own = alt.datum.group == groups[0]
    intervals = base.mark_rule(strokeWidth=6, opacity=0.22).encode(
        x=alt.X("low:Q", title="change in points"), x2="high:Q"
    )
    dots = base.mark_point(filled=True, opacity=0.9).encode(
        x=alt.X("change:Q", title="change in points"),
        size=alt.condition(own, alt.value(160), alt.value(60)),
        shape=alt.Shape(
            "role:N",
            scale=alt.Scale(domain=["forget", "retain"], range=["circle", "square"]),
            title=None,
        ),
    )
    none = (
        alt.Chart(pd.DataFrame({"x": [0.0]}))
        .mark_rule(strokeDash=[4, 4], color=CHANCE_GREY)
        .encode(x="x:Q")
    )
    return alt.layer(none, intervals, dots).properties(height=60 * len(groups) + 70)


def sweep_chart(points: pd.DataFrame, current: pd.DataFrame, tried: pd.DataFrame) -> alt.LayerChart:
    """Accuracy kept across, accuracy on the forget sets up; one line for each number of features,
    through its strengths.

    `tried` are the settings of the history behind it, with forget and retain in percent. The other
    tables have the columns features, multiple, strength, forget and retain with _low and _high,
    baseline_forget, baseline_retain (percent).
    """
    kinds = list(dict.fromkeys(points["features"]))

    def x(field: str = "retain") -> alt.X:
        return alt.X(
            f"{field}:Q",
            scale=alt.Scale(zero=False, padding=14),
            title="retain accuracy, all sets together, %",
        )

    def y(field: str = "forget") -> alt.Y:
        return alt.Y(
            f"{field}:Q", scale=alt.Scale(zero=False, padding=14), title="forget accuracy, %"
        )

    base = alt.Chart(points).encode(
        x=x(),
        y=y(),
        color=alt.Color("features:N", sort=kinds, scale=alt.Scale(scheme="viridis"), title=None),
        tooltip=[
            "features",
            "strength",
            alt.Tooltip("forget:Q", format=".1f"),
            alt.Tooltip("retain:Q", format=".1f"),
        ],
    )
    line = base.mark_line(opacity=0.6).encode(order="multiple:Q")
    across = base.mark_rule(opacity=0.35).encode(x=x("retain_low"), x2="retain_high:Q")
    up = base.mark_rule(opacity=0.35).encode(y=y("forget_low"), y2="forget_high:Q")
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        shape=alt.Shape("features:N", sort=kinds, title=None)
    )
    names = base.mark_text(dx=6, dy=-8, align="left", fontSize=11).encode(text="strength:N")
    none = (
        alt.Chart(current)
        .mark_point(shape="square", size=110, color=CHANCE_GREY, strokeWidth=2)
        .encode(x=x("baseline_retain"), y=y("baseline_forget"))
    )
    here = (
        alt.Chart(current)
        .mark_point(shape="diamond", size=220, filled=True, color=FORGET)
        .encode(x=x(), y=y())
    )
    before = (
        alt.Chart(tried).mark_point(size=60, color=CHANCE_GREY, opacity=0.5).encode(x=x(), y=y())
    )
    return alt.layer(before, across, up, line, dots, names, none, here).properties(height=360)


LOG_TICKS = [0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000]


def activation_histogram(bars: pd.DataFrame) -> alt.Chart:
    """Tokens by activation, on a log scale; `bars` as backend.features.measures.histogram gives
    them.
    """
    return (
        alt.Chart(bars[bars["tokens"] > 0])
        .mark_bar(color="#ff8c00")
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
    """How often a feature fires on each corpus. Columns: corpus, role, density (percent), said (the
    figure in words).
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
    words = base.mark_text(align="left", dx=5, color=CHANCE_GREY).encode(
        x="density:Q", text="said:N"
    )
    return (bars + words).properties(height=40 * len(rows) + 60)


def dose_curves(points: pd.DataFrame, chance: float) -> alt.LayerChart:
    """Accuracy by the strength of a clamp, a line for each role; dots are what was computed.

    Columns: multiple, role, accuracy, low, high (percent: the baseline plus the change's interval),
    baseline, said.
    """
    base = alt.Chart(points).encode(color=alt.Color("role:N", scale=role_scale(), legend=None))
    x = alt.X(
        "multiple:Q",
        title="clamped to, multiples of its maximum activation",
        axis=alt.Axis(labelExpr="datum.value == 0 ? '0' : format(datum.value, '+~g') + 'x'"),
    )
    y = alt.Y("accuracy:Q", title="accuracy, %", scale=alt.Scale(zero=False, padding=8, nice=True))
    band = base.mark_area(opacity=0.18).encode(
        x=x, y=alt.Y("low:Q", title="accuracy, %"), y2="high:Q"
    )
    line = base.mark_line().encode(
        x=x,
        y=y,
        strokeDash=alt.StrokeDash(
            "role:N",
            scale=alt.Scale(domain=["forget", "retain"], range=[[1, 0], [6, 3]]),
            legend=None,
        ),
    )
    dots = base.mark_point(filled=True, size=55, opacity=1).encode(
        x=x,
        y=y,
        shape=alt.Shape(
            "role:N",
            scale=alt.Scale(domain=["forget", "retain"], range=["circle", "diamond"]),
            legend=None,
        ),
        tooltip=["said:N"],
    )
    ends = points[points["multiple"] == points["multiple"].max()]
    names = (
        alt.Chart(ends)
        .mark_text(align="left", dx=8, fontWeight="bold")
        .encode(x=x, y=y, text="role:N", color=alt.Color("role:N", scale=role_scale(), legend=None))
    )
    without = base.mark_rule(strokeDash=[2, 3], opacity=0.6).encode(y="baseline:Q")
    layers = band + without + line + dots + names
    if points["low"].min() < 100 * chance + 10:
        layers += (
            alt.Chart(pd.DataFrame({"y": [100 * chance]}))
            .mark_rule(strokeDash=[4, 4], color=CHANCE_GREY)
            .encode(y="y:Q")
        )
    return layers.properties(height=260, padding={"right": 50})
