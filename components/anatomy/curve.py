"""The four options along a strength, and at the one that is chosen."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.data.questions import LETTERS, Question
from backend.experiments.anatomy import Answer, Point, Scrub, flips
from backend.reading.seen import probability
from backend.store import key
from backend.wording import multiple
from components.charts.anatomy import ALONG, Rule, bars_chart, curve_chart
from components.pictures import show_chart
from components.wording import plain

MOST_FLIPS = 4
"""Named in the chart."""
APART = 0.09
"""Of the curve's width, by which the answer without stands before it."""


def draw_growing(
    place: DeltaGenerator, points: Sequence[Point], question: Question, scrub: Scrub
) -> None:
    """The curve while points come in."""
    if any(p.strength is not None for p in points):
        with place.container():
            draw_curve(points, question, scrub, scrub.present, grows=True)
            st.caption(f"{len(points)} strengths so far…")


@st.fragment
def draw_scrubber(points: Sequence[Point], question: Question, scrub: Scrub) -> None:
    """The whole curve, a slider along it, and the options at the strength it stands at."""
    known = sorted((p for p in points if p.strength is not None), key=lambda p: p.strength or 0.0)
    off = [p for p in points if p.strength is None]
    options = [*off, *known]
    names = [said_of(p.strength, scrub) for p in options]
    present = names.index(said_of(scrub.present, scrub))
    with st.container(horizontal=True, gap="medium"):
        left, right = st.container(width=580), st.container(width=310)
    with right:
        chosen = st.select_slider(
            "Strength",
            range(len(options)),
            present,
            format_func=lambda i: names[i],
            key=f"anatomy_strength_{key({'names': names, 'question': question.question})}",
        )
        point = options[chosen]
        draw_bars(point.answer, before_of(points), question, names[chosen])
    with left:
        draw_curve(points, question, scrub, point.strength)
        st.caption(flips_in_words(points, question, scrub))
    with st.expander("The curve as a table"):
        table = table_of(points, question, scrub)
        wide = {"said_at": "at", "letter": "option", "share": "P", "chosen": "chosen"}
        st.dataframe(table[list(wide)].rename(columns=wide), hide_index=True, width="stretch")


def draw_curve(
    points: Sequence[Point],
    question: Question,
    scrub: Scrub,
    at: float | None,
    *,
    grows: bool = False,
) -> None:
    """`grows`: it is drawn several times in one run."""
    table = table_of(points, question, scrub)
    show_chart(
        curve_chart(
            table, LETTERS[question.answer], ALONG[scrub.kind], rules_of(points, scrub, at)
        ),
        None if grows else "by_strength",
        alt=f"P of each option by strength. {flips_in_words(points, question, scrub)}",
    )


def draw_bars(answer: Answer, before: Answer | None, question: Question, at: str) -> None:
    """The four options by one answer, `at` some strength, and their shares without as marks."""
    st.markdown(f"**Chosen: {LETTERS[answer.choice]} · {plain(question.choices[answer.choice])}**")
    table = bars_of(answer, before or answer, question, at)
    show_chart(bars_chart(table), "options", alt=" ".join(table["said"]))
    st.caption("Bar: P at this strength. Upright mark: P without.")


def bars_of(answer: Answer, before: Answer, question: Question, at: str) -> pd.DataFrame:
    """A row an option, for the bars."""
    return pd.DataFrame(
        [
            {
                "letter": letter,
                "option": f"{letter}{' ✓' if i == question.answer else ''} {choice}",
                "share": answer.shares[i],
                "before": before.shares[i],
                "said": f"{letter} {choice}: P {probability(answer.shares[i])} ({at}), "
                f"{probability(before.shares[i])} without.",
            }
            for i, (letter, choice) in enumerate(zip(LETTERS, question.choices, strict=False))
        ]
    )


def before_of(points: Sequence[Point]) -> Answer | None:
    """The answer without, once it is known."""
    return next((p.answer for p in points if p.strength is None), None)


def table_of(points: Sequence[Point], question: Question, scrub: Scrub) -> pd.DataFrame:
    """A row a strength and option, by strength; the answer without stands before the curve."""
    known = [p.strength for p in points if p.strength is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    without = low - APART * max(high - low, 1e-6)
    rows = [
        {
            "strength": without if p.strength is None else p.strength,
            "off": p.strength is None,
            "said_at": said_of(p.strength, scrub),
            "letter": letter,
            "share": p.answer.shares[i],
            "chosen": LETTERS[p.answer.choice],
            "said": f"{letter} {question.choices[i]}: P {probability(p.answer.shares[i])}, "
            f"{said_of(p.strength, scrub)}; chosen: {LETTERS[p.answer.choice]}",
        }
        for p in points
        for i, letter in enumerate(LETTERS[: len(p.answer.scores)])
    ]
    return pd.DataFrame(rows).sort_values("strength", kind="stable").reset_index(drop=True)


def rules_of(points: Sequence[Point], scrub: Scrub, at: float | None) -> list[Rule]:
    """Where the setting stands, where the slider does, and where the answer flips."""
    rules = [Rule(scrub.present, "present", (1, 0), 0)]
    if at is not None and at != scrub.present:
        rules.append(Rule(at, said_of(at, scrub), (6, 3), 1))
    for i, flip in enumerate(flips(list(points))[:MOST_FLIPS]):
        rules.append(Rule(flip.middle, f"flips to {LETTERS[flip.at_high]}", (2, 3), 2 + i))
    return rules


def flips_in_words(points: Sequence[Point], question: Question, scrub: Scrub) -> str:
    """Where the answer changes, by strength; the right option has its mark."""
    found = flips(list(points))

    def named(option: int) -> str:
        return f"{LETTERS[option]}{' ✓' if option == question.answer else ''}"

    if not found:
        chosen = next((p.answer.choice for p in points if p.strength is not None), None)
        return "" if chosen is None else f"The answer is {named(chosen)} at every strength."
    said = [
        f"from {named(f.at_low)} to {named(f.at_high)} between {said_of(f.low, scrub)} and "
        f"{said_of(f.high, scrub)}"
        for f in found
    ]
    return f"The answer flips {', '.join(said)}."


def said_of(strength: float | None, scrub: Scrub) -> str:
    """A strength in words."""
    if strength is None:
        return "without"
    short = float(f"{strength:.3g}")
    text = f"{short:g}" if scrub.kind == "direction" else multiple(short)
    return f"{text}, as it is" if strength == scrub.present else text
