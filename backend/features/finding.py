"""A list of features to choose from: what was searched for, filtered and ranked. Pure."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from backend.errors import BadInput
from backend.features.rankers import RANKERS
from backend.features.rankers import score as rank_score

RELEVANCE = "relevance"
COLUMNS = {
    "forget density": "forget_density",
    "retain density": "retain_density",
    "max activation": "max_act",
    "forget questions": "fires_forget",
    "retain questions": "fires_retain",
    "feature number": "feature",
}
"""What a list can be ordered by beside relevance and the rankers."""
ON_TEXT = 4.0
"""What firing strongest on the user's text is worth beside backend.features.search.FIELDS; others
get their share of it.
"""


@dataclass(frozen=True)
class Filters:
    """Which features are listed. The defaults let all through."""

    forget_above: float = 0.0
    retain_below: float = 1.0
    """Densities; 1 lets all through."""
    min_selectivity: float | None = None
    labelled: bool = False
    starred: bool = False
    known: bool = False
    """Only features that fire on a forget question the model answers right without a clamp."""

    def keep(self, features: pd.DataFrame) -> pd.Series:
        """True for each row that passes."""
        kept = pd.Series(True, index=features.index)
        if self.forget_above > 0:
            kept &= features["forget_density"] > self.forget_above
        if self.retain_below < 1:
            kept &= features["retain_density"] < self.retain_below
        if self.min_selectivity is not None:
            kept &= features["selectivity"] >= self.min_selectivity
        if self.labelled:
            kept &= features["label"] != ""
        if self.starred:
            kept &= features["star"]
        if self.known:
            kept &= features["known_forget"] > 0
        return kept

    def in_words(self) -> list[str]:
        """One phrase for each filter that is on."""
        least = self.min_selectivity
        phrases = (
            (self.forget_above > 0, f"forget density above {self.forget_above:.2%}"),
            (self.retain_below < 1, f"retain density below {self.retain_below:.2%}"),
            (least is not None, f"selectivity at least {least or 0:+g}"),
            (self.labelled, "labelled"),
            (self.starred, "starred"),
            (self.known, "fires on a known forget question"),
        )
        return [phrase for on, phrase in phrases if on]


def find(
    features: pd.DataFrame,
    *,
    hits: pd.DataFrame | None = None,
    on_text: pd.DataFrame | None = None,
    filters: Filters = Filters(),
    rank: str = RELEVANCE,
    setting: float | None = None,
    smallest_first: bool = False,
) -> pd.DataFrame:
    """The rows of the atlas's table that were searched for and pass the filters, best first.

    `hits` are backend.features.search.Found.hits, `on_text` is backend.reading.own_text.firing;
    with both, a feature that either found is there and its score is the sum. Adds score (relevance;
    0 without a search), act and at (on the text; NaN and -1 where it does not fire), and
    rank_score, what the list is ordered by. A ranker leaves out what its rule leaves out. Raises
    BadInput for an unknown rank, or relevance without a search.
    """
    searched = hits is not None or on_text is not None
    table = _searched(features, hits, on_text) if searched else _unsearched(features)
    table = table[filters.keep(table)]
    if rank == RELEVANCE:
        if not searched:
            raise BadInput(
                "There is nothing to be relevant to: give keywords or a text, or another order."
            )
        ordered = table["score"]
    elif rank in RANKERS:
        ordered = rank_score(rank, features, setting).loc[table.index]
    elif rank in COLUMNS:
        ordered = table[COLUMNS[rank]]
    else:
        raise BadInput(
            f"There is no order '{rank}'. Use one of: {', '.join([RELEVANCE, *RANKERS, *COLUMNS])}."
        )
    table = table.assign(rank_score=ordered)
    return table[table["rank_score"].notna()].sort_values(
        ["rank_score", "feature"], ascending=[smallest_first, True], ignore_index=True
    )


def _unsearched(features: pd.DataFrame) -> pd.DataFrame:
    return features.assign(score=0.0, act=np.nan, at=-1)


def _searched(
    features: pd.DataFrame, hits: pd.DataFrame | None, on_text: pd.DataFrame | None
) -> pd.DataFrame:
    """The rows that were found, with their score, and where and how strongly they fire."""
    score = np.zeros(len(features))
    act = np.full(len(features), np.nan)
    at = np.full(len(features), -1)
    if hits is not None:
        score[hits["feature"]] += hits["score"]
    if on_text is not None and len(on_text):
        fires = on_text["feature"]
        act[fires] = on_text["act"]
        at[fires] = on_text["at"]
        score[fires] += ON_TEXT * on_text["strength"] / on_text["strength"].max()
    return features.assign(score=score, act=act, at=at)[score > 0]
