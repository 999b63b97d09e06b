"""What the model chose in place of a right answer."""

import html
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import streamlit as st

from backend.wording import percent

MOST = 3
STYLE = """<style>
ul.instead.instead { margin: 0; padding: 0; list-style: none; }
ul.instead.instead li {
  margin: 0; padding: .35rem 0; border-top: 1px solid rgba(128, 128, 128, .25);
}
.instead small { display: block; font-variant-numeric: tabular-nums; }
</style>"""


class Instead(NamedTuple):
    """A lost question. Probabilities are the right answer's share of the four options'."""

    question: str
    right: str
    chosen: str
    p_before: float
    p_after: float

    @property
    def fall(self) -> float:
        return self.p_before - self.p_after


def chose_instead(table: pd.DataFrame, most: int = MOST) -> list[Instead]:
    """Of the rows of backend.evaluation.answers.question_table, the lost questions whose right
    answer fell furthest.
    """
    if table.empty:
        return []
    lost = [
        Instead(row.question, row.right, row.after, row.p_before, row.p_after)
        for row in table[table["change"] == "lost"].itertuples()
    ]
    return sorted(lost, key=lambda one: -one.fall)[:most]


def draw_instead(found: Sequence[Instead]) -> None:
    """Nothing where no question was lost."""
    if found:
        st.markdown("**What it chose instead**")
        st.html(f'{STYLE}<ul class="instead">{"".join(map(_item, found))}</ul>')


def _item(one: Instead) -> str:
    question, right, chosen = map(html.escape, (one.question, one.right, one.chosen))
    return (
        f"<li>{question}<br><s>{right}</s> → <b>{chosen}</b>"
        f"<small>P of the right answer: {percent(one.p_before)} → {percent(one.p_after)}</small>"
        "</li>"
    )
