"""What the list is ordered by."""

from typing import NamedTuple

import pandas as pd
import streamlit as st

from backend.engine.engine import Engine
from backend.features.finding import COLUMNS, RELEVANCE
from backend.features.rankers import RANKERS
from backend.reading.attribution import attribution
from components.messages import show_errors
from components.progress_bar import show_progress

BY_RELEVANCE = {
    True: "relevance, those on no question last",
    False: "selectivity, those on no forget question last",
}
"""What relevance is where something was searched for, and where nothing was (see
backend.features.finding.find).
"""


class Order(NamedTuple):
    rank: str
    """RELEVANCE, or one of backend.features.rankers.RANKERS or backend.features.finding.COLUMNS."""
    setting: float | None = None
    """The ranker's own number, where it has one."""
    smallest_first: bool = False
    searched: bool = True
    """Whether there is something to be relevant to."""

    @property
    def needs_attribution(self) -> bool:
        return self.rank in RANKERS and RANKERS[self.rank].needs_attribution

    @property
    def name(self) -> str:
        """In words, with the ranker's number."""
        if self.rank == RELEVANCE:
            return BY_RELEVANCE[self.searched]
        if self.rank not in RANKERS:
            return self.rank
        ranker = RANKERS[self.rank]
        name = ranker.title.lower()
        if ranker.setting is None or self.setting is None:
            return name
        return f"{name} ({ranker.setting.title.lower()} {self.setting:g})"


def draw_order(searched: bool) -> Order:
    """`searched`: there is something to be relevant to."""
    titles = {
        # One name for both: a list's entry may not be called anew while it is chosen.
        RELEVANCE: "Relevance (selectivity without a search)",
        **{name: ranker.title for name, ranker in RANKERS.items()},
        **{name: name.capitalize() for name in COLUMNS},
    }
    rank = st.selectbox(
        "Ranked by",
        list(titles),
        format_func=titles.__getitem__,
        key="search_rank",
        persist_state="session",
        width=390,
    )
    ranker, setting = RANKERS.get(rank), None
    if ranker and ranker.setting:
        setting = st.selectbox(
            ranker.setting.title,
            ranker.setting.options,
            ranker.setting.options.index(ranker.setting.default),
            key=f"search_setting_{rank}",
            persist_state="session",
            width=160,
        )
    smallest_first = st.toggle("Smallest first", key="search_smallest", persist_state="session")
    if ranker:
        with st.popover("Formula and source", icon=":material/functions:"):
            st.markdown(f"**{ranker.title}.** {ranker.what}")
            st.latex(ranker.formula)
            st.caption(ranker.source)
    return Order(rank, setting, smallest_first, searched)


def with_attribution(engine: Engine, features: pd.DataFrame) -> pd.DataFrame:
    """The table with the columns of backend.reading.attribution.

    They are read from disk, or computed here with progress.
    """
    bar = st.empty()
    with show_errors():
        found = attribution(engine, lambda progress: show_progress(bar, progress))
    bar.empty()
    st.caption(
        f"Means over {found.n_forget} forget and {found.n_retain} retain questions: "
        "those of the selection half that the model answers right."
    )
    return features.join(found.columns())
