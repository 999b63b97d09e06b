"""A list of features to choose from: what was searched for, filtered and ranked. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backend.errors import BadInput
from backend.features.rankers import RANKERS, by_selectivity
from backend.features.rankers import score as rank_score
from backend.wording import percent

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
MOST_NUMBERS = 20
"""Features that can be asked for by number at once."""
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
            (self.forget_above > 0, f"forget density above {percent(self.forget_above, 2)}"),
            (self.retain_below < 1, f"retain density below {percent(self.retain_below, 2)}"),
            (least is not None, f"selectivity at least {least or 0:+g}"),
            (self.labelled, "labelled"),
            (self.starred, "starred"),
            (self.known, "fires on a known forget question"),
        )
        return [phrase for on, phrase in phrases if on]


def numbers(query: str, n_features: int) -> list[int]:
    """The features a text names by number ("2187", "#2187, 40"), in its order; none where anything
    else stands in it or the SAE has no such feature.
    """
    parts = re.split(r"[\s,;]+", query.strip())
    if len(parts) > MOST_NUMBERS or not all(re.fullmatch(r"#?[0-9]{1,9}", part) for part in parts):
        return []
    named = list(dict.fromkeys(int(part.lstrip("#")) for part in parts))
    return named if max(named) < n_features else []


def find(
    features: pd.DataFrame,
    *,
    named: Sequence[int] = (),
    hits: pd.DataFrame | None = None,
    on_text: pd.DataFrame | None = None,
    filters: Filters = Filters(),
    rank: str = RELEVANCE,
    setting: float | None = None,
    smallest_first: bool = False,
) -> pd.DataFrame:
    """The rows of the atlas's table that were searched for and pass the filters, best first.

    `hits` are backend.features.search.Found.hits, `on_text` is backend.reading.own_text.firing;
    with both, a feature that either found is there and its score is the sum. Features `named` by
    number come first, whatever the filters and the ranking say. Adds score (relevance; 0 without a
    search), act and at (on the text; NaN and -1 where it does not fire), and rank_score, what the
    list is ordered by. Relevance without a search is selectivity; by relevance, features come last
    on whose questions a clamp changes nothing: those that fire on no question, and without a search
    on no forget question. A ranker leaves out what its rule leaves out. Raises BadInput for an
    unknown rank.
    """
    searched = hits is not None or on_text is not None or bool(named)
    table = _searched(features, named, hits, on_text) if searched else _unsearched(features)
    first = table["feature"].isin(list(named))
    table = table[filters.keep(table) | first]
    last = pd.Series(0, index=table.index)
    if rank == RELEVANCE:
        ordered = table["score"] if searched else by_selectivity(table)
        fires = table["fires_forget"] + (table["fires_retain"] if searched else 0)
        last = (fires == 0).astype(int)
    elif rank in RANKERS:
        ordered = rank_score(rank, features, setting).loc[table.index]
    elif rank in COLUMNS:
        ordered = table[COLUMNS[rank]]
    else:
        raise BadInput(
            f"There is no order '{rank}'. Use one of: {', '.join([RELEVANCE, *RANKERS, *COLUMNS])}."
        )
    place = {feature: i for i, feature in enumerate(named)}
    table = table.assign(
        rank_score=ordered,
        _named=table["feature"].map(lambda feature: place.get(feature, len(place))),
        _last=last,
    )
    listed = table[table["rank_score"].notna() | (table["_named"] < len(place))].sort_values(
        ["_named", "_last", "rank_score", "feature"],
        ascending=[True, True, smallest_first, True],
        ignore_index=True,
    )
    return listed.drop(columns=["_named", "_last"])


def good_one(features: pd.DataFrame) -> int:
    """A feature worth looking at first: the best with a label, else the best; 0 of none."""
    best = find(features, filters=Filters(labelled=True))
    best = best if len(best) else find(features)
    return int(best["feature"].iloc[0]) if len(best) else 0


def _unsearched(features: pd.DataFrame) -> pd.DataFrame:
    return features.assign(score=0.0, act=np.nan, at=-1)


def _searched(
    features: pd.DataFrame,
    named: Sequence[int],
    hits: pd.DataFrame | None,
    on_text: pd.DataFrame | None,
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
    asked_for = features["feature"].isin(list(named))
    return features.assign(score=score, act=act, at=at)[(score > 0) | asked_for]
