"""Every setting tried as a dot: what was forgotten against what was kept."""

import altair as alt
import pandas as pd

from backend.evaluation.history import KEPT
from backend.wording import percent
from components.charts.fit import ARROWS, Limits, limits
from components.charts.palette import CHANCE_GREY, KINDS, RETAIN, Mark, scales
from components.charts.theme import text_colour

NAMES = {"forget": "forget accuracy, %", "retain": "retain accuracy, all retain sets together, %"}
PUBLISHED = "published"
"""The kind of what others measured."""
SWEPT = "point of a sweep"
MARKS: dict[str, Mark] = {
    **dict[str, Mark](KINDS.items()),
    SWEPT: Mark(CHANCE_GREY, "M-.7,-.7L.7,.7M-.7,.7L.7,-.7"),
}
"""A point of a sweep is a small cross that lies on its side."""
TOLD = {
    "name": "setting",
    "kind": "kind",
    "strength": "strength",
    "method": "acts",
    "forget_is": "forget",
    "retain_is": "retain",
    "n": "questions",
    "when": "when",
    "note": "note",
}
"""What a dot says, by column."""


def trials_chart(
    trials: pd.DataFrame,
    current: str | None,
    baseline: tuple[float, float],
    published: pd.DataFrame | None = None,
    height: int = 360,
) -> alt.LayerChart:
    """Low and right is good: forgotten, and nothing else lost. A shape and a colour for each kind,
    named above; steps join what no other of its kind beats; points of sweeps are small and pale. A
    dot far outside stands at the edge with an arrow.

    `trials` as backend.evaluation.history.trial_table gives it; `current` is the id of the setting
    on the board; `baseline` is forget and retain accuracy without clamps. `published` has name,
    forget and retain, in percent. Selecting a dot sets the parameter "run".
    """
    others = pd.DataFrame() if published is None else published.assign(kind=PUBLISHED)
    seen = pd.concat([trials, others]) if len(others) else trials
    # What is kept must be seen, not how much is forgotten.
    across = limits(seen["retain"].tolist(), [KEPT * baseline[1], baseline[1]])
    up = limits(seen["forget"].tolist(), [baseline[0]])
    dots, theirs = placed(trials, across, up), placed(others, across, up)
    dots["mark"] = dots["kind"].where(~dots["swept"], SWEPT)
    there = {*dots["mark"], *others.get("kind", ())}
    colours, shapes = scales({name: mark for name, mark in MARKS.items() if name in there})
    legend = alt.Legend(orient="top", title=None, columns=4, symbolStrokeWidth=2, symbolOpacity=1)
    colour = alt.Stroke("mark:N", scale=colours, legend=legend)
    shape = alt.Shape("mark:N", scale=shapes, legend=legend)
    x = alt.X(
        "retain_at:Q", scale=_within(across), axis=alt.Axis(tickCount=8), title=NAMES["retain"]
    )
    y = alt.Y("forget_at:Q", scale=_within(up), axis=alt.Axis(tickCount=6), title=NAMES["forget"])
    base = alt.Chart(dots).encode(x=x, y=y)
    tried = base.transform_filter(~alt.datum.swept)
    spread = tried.mark_rule(opacity=0.3, color=CHANCE_GREY, clip=True)
    kept = alt.Chart(
        pd.DataFrame({"x": [KEPT * baseline[1]], "what": [f"{percent(KEPT, 0)} of retain kept"]})
    )
    layers = [
        kept.mark_rule(strokeDash=[5, 4], color=RETAIN).encode(x="x:Q"),
        kept.mark_text(color=text_colour(), fontSize=12).encode(
            x="x:Q", y=alt.value(-8), text="what:N"
        ),
        spread.encode(x=alt.X("retain_low:Q"), x2="retain_high:Q"),
        spread.encode(y=alt.Y("forget_low:Q"), y2="forget_high:Q"),
        alt.Chart(dots[dots["front"]])
        .mark_line(interpolate="step-before", opacity=0.7, strokeWidth=1.5, clip=True)
        .encode(x="retain:Q", y="forget:Q", order="retain:Q", stroke=colour),
        base.mark_point(strokeWidth=2, cursor="pointer")
        .encode(
            stroke=colour,
            shape=shape,
            fill=alt.value("transparent"),
            size=alt.condition("datum.swept", alt.value(30), alt.value(80)),
            opacity=alt.condition("datum.swept", alt.value(0.6), alt.value(1)),
            tooltip=told(dots),
        )
        .add_params(alt.selection_point(name="run", fields=["id"])),
        # Plain values: a scale of its own would fill the legend's marks too.
        *(
            base.transform_filter(alt.datum.id == current).mark_point(
                shape=mark.shape, size=230, color=mark.colour, filled=True, opacity=1
            )
            for mark in (KINDS[kind] for kind in dots["kind"][dots["id"] == current])
        ),
    ]
    if len(others):
        mark = alt.Chart(theirs.assign(mark=PUBLISHED)).mark_point(strokeWidth=1, opacity=0.7)
        layers.insert(0, mark.encode(x=x, y=y, stroke=colour, shape=shape, tooltip=told(theirs)))
    for far in (dots, theirs):
        if len(far):
            layers.extend(_arrows(far, x, y))
    return alt.LayerChart(layer=layers).properties(height=height)


def placed(trials: pd.DataFrame, across: Limits, up: Limits) -> pd.DataFrame:
    """The same with where each dot is drawn (retain_at, forget_at), the arrow of one that lies
    outside, where that stands, and its figures as they are said.
    """
    if trials.empty:
        return trials
    way = [
        (across.outside(retain), up.outside(forget))
        for retain, forget in zip(trials["retain"], trials["forget"], strict=True)
    ]
    return trials.assign(
        retain_at=trials["retain"].map(across.clip),
        forget_at=trials["forget"].map(up.clip),
        arrow=[ARROWS.get(at, "") for at in way],
        forget_is=_said(trials, "forget"),
        retain_is=_said(trials, "retain"),
    )


def _said(trials: pd.DataFrame, role: str) -> list[str]:
    accuracies = [percent(value / 100) for value in trials[role]]
    if f"{role}_said" not in trials:
        return accuracies
    return [f"{a} ({c})" for a, c in zip(accuracies, trials[f"{role}_said"], strict=True)]


def told(trials: pd.DataFrame) -> list[alt.Tooltip]:
    """What a dot says: all that is known of any of them."""
    return [
        alt.Tooltip(f"{column}:N", title=title)
        for column, title in TOLD.items()
        if column in trials and trials[column].ne("").any()
    ]


def _within(ends: Limits) -> alt.Scale:
    return alt.Scale(domain=[*ends], zero=False, nice=False)


def _arrows(far: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Beside the dots at the edge, towards the middle."""
    return [
        alt.Chart(far[far["arrow"] == arrow])
        .mark_text(fontSize=17, color=text_colour(), dx=-15 * right, dy=15 * above)
        .encode(x=x, y=y, text="arrow:N", tooltip=told(far))
        for (right, above), arrow in ARROWS.items()
        if far["arrow"].eq(arrow).any()
    ]
