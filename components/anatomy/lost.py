"""Which questions a setting lost, and the way from one to the next."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd
import streamlit as st

from backend.evaluation.answers import by_fall


class Lost(NamedTuple):
    """Places of questions among all."""

    places: tuple[int, ...]
    """Of those lost; the right answer's share fell furthest in the first."""
    telling: int
    """The first of them; where none was lost, the one whose right answer fell furthest."""


def lost_of(table: pd.DataFrame) -> Lost:
    """Of backend.evaluation.answers.question_table."""
    rows = by_fall(table)
    places = tuple(int(place) for place in rows.index[rows["change"] == "lost"])
    furthest = int((table["p_before"] - table["p_after"]).idxmax())
    return Lost(places, places[0] if places else furthest)


def draw_steps(place: int, lost: Sequence[int], on_open: Callable[[int], None]) -> None:
    """Buttons to the lost questions before and after this one, by how far their right answers fell;
    from another question both lead to the first.
    """
    if not lost:
        st.caption("This setting loses no question.")
        return
    at = lost.index(place) if place in lost else None
    said = f"{at + 1} of {len(lost)} lost" if at is not None else f"{len(lost)} others are lost"
    for label, icon, by in (("Previous lost", "left", -1), ("Next lost", "right", 1)):
        to = lost[0] if at is None else lost[(at + by) % len(lost)]
        st.button(
            label,
            icon=f":material/chevron_{icon}:",
            key=f"question_{by}",
            on_click=on_open,
            args=(to,),
            disabled=to == place,
        )
    st.caption(f"{said}, by how far P fell", width="content")
