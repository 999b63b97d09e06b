"""Which clamped features have how much to do with one answer."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from backend.data.questions import LETTERS
from backend.experiments.anatomy import Answer, Contribution, by_size
from backend.reading.seen import probability
from backend.wording import signed
from components.charts.anatomy import contributions_chart
from components.pictures import show_chart

MOST_DRAWN = 12
WHY = (
    "Each row is a run of its own: the setting without that one feature, on this question. "
    "Features stand in for each other, and P stops moving near 0 and 1, so the parts need not "
    "add up to the whole; the margin, the right option's score less that of the likeliest wrong "
    "one in nats, still moves there. A feature counts exactly 0 where the setting without it does "
    "the very same to this question; that was compared, not run. “Alone” is that feature's clamp "
    "by itself, by the same method."
)


MEASURES = {"P": "P(right)", "margin": "Margin"}
"""What a contribution is counted in, and what that is called."""
GIVEN_BACK = {
    "P": "P(right) given back when it is left out",
    "margin": "margin given back when it is left out, nats",
}


def draw_contributions(
    found: Sequence[Contribution],
    whole: Answer,
    before: Answer,
    right: int,
    name: Callable[[int], str],
) -> None:
    """A chart and a table of those that have a part in the answer, and how many have none. `whole`
    is the answer with all of them, `before` that without any.
    """
    rows = table_of(found, whole, before, right, name)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(in_words(found, len(found)))
        st.space("stretch")
        if not rows.empty:
            measure = st.segmented_control(
                "Counted in",
                list(MEASURES),
                default="P",
                required=True,
                format_func=MEASURES.__getitem__,
                key="anatomy_measure",
                label_visibility="collapsed",
            )
        with st.popover("Why these need not add up", icon=":material/help:", type="tertiary"):
            st.write(WHY)
    if rows.empty:
        return
    drawn = in_measure(rows, measure).head(MOST_DRAWN)
    show_chart(
        contributions_chart(drawn, GIVEN_BACK[measure]),
        "contributions",
        alt=" ".join(drawn["said"]),
    )
    if len(rows) > MOST_DRAWN:
        st.caption(f"The first {MOST_DRAWN} of {len(rows)}; all are in the table.")
    wide = {
        "feature": "Feature",
        "text": "Gives back",
        "left_out": "P left out",
        "chosen": "Chosen left out",
        "alone": "P alone",
        "margin": "Margin given back, nats",
    }
    two = st.column_config.NumberColumn(format="%.2f", width=90)
    st.dataframe(
        rows[list(wide)].rename(columns=wide),
        hide_index=True,
        width="stretch",
        height=min(420, 38 + 35 * len(rows)),
        column_config={
            "Feature": st.column_config.TextColumn(width=330),
            "Gives back": st.column_config.TextColumn(width=90),
            "P left out": two,
            "P alone": two,
            "Margin given back, nats": st.column_config.NumberColumn(format="%+.2f"),
        },
    )


def in_measure(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The rows as the chart draws them: gives, sign and text in P or in nats, the most first."""
    if measure == "P":
        return rows
    texts = [signed(margin, 2) for margin in rows["margin"]]
    marked = rows.assign(gives=rows["margin"], text=texts, sign=[_sign(text) for text in texts])
    return marked.sort_values("gives", ascending=False, kind="stable")


def _sign(text: str) -> str:
    """The sign of a `signed` number; zero has none."""
    return text[0] if text[0] in "+−" else ""


def in_words(found: Sequence[Contribution], n_clamped: int) -> str:
    """How many of the clamped features have a part in the answer."""
    counted = sum(not c.same for c in found)
    if len(found) < n_clamped:
        return f"{len(found)} of {n_clamped} clamped features so far…"
    none = n_clamped - counted
    part = f"{counted} of {n_clamped} clamped feature{'s' if n_clamped != 1 else ''}"
    said = f"{part} act{'s' if counted == 1 else ''} on this question"
    if not none:
        return f"{said}."
    others = "the other contributes" if none == 1 else f"the other {none} contribute"
    return f"{said}; {others} exactly 0."


def table_of(
    found: Sequence[Contribution],
    whole: Answer,
    before: Answer,
    right: int,
    name: Callable[[int], str],
) -> pd.DataFrame:
    """A row a feature that has a part in the answer; what gives back most comes first."""
    rows = []
    for c in by_size([c for c in found if not c.same], whole, right):
        gives = c.left_out.shares[right] - whole.shares[right]
        text = signed(gives, 2)
        called = f"{c.feature} · {name(c.feature)}" if name(c.feature) else str(c.feature)
        left_out, alone = c.left_out.shares[right], c.alone.shares[right]
        rows.append(
            {
                "feature": called,
                "gives": gives,
                "sign": _sign(text),
                "text": text,
                "left_out": left_out,
                "alone": alone,
                "margin": c.left_out.margin(right) - whole.margin(right),
                "chosen": LETTERS[c.left_out.choice],
                "said": f"{called}: P {probability(whole.shares[right])} → "
                f"{probability(left_out)} when it is left out; alone "
                f"{probability(before.shares[right])} → {probability(alone)}.",
            }
        )
    return pd.DataFrame(rows)
