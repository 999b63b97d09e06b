"""All that is known of an SAE's features: their table, the text they fire on, and the search over
both.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from backend.data.questions import QuestionSets
from backend.errors import BadInput
from backend.features.labels import Imported, Label, Labels
from backend.features.scan import ScannedCorpus
from backend.features.search import Found, SearchIndex


class Atlas:
    """The features of one setup. Read-only once made, but for the user's own labels and stars
    (`relabel`).

    `table` has one row a feature: the columns of backend.features.table.describe, and label,
    label_source and star of backend.features.labels.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        sets: QuestionSets,
        corpora: Sequence[ScannedCorpus],
        labels: Labels,
        index_file: Path,
    ):
        """`table` as backend.features.table.describe gives it; the search's index is opened at
        `index_file`, or built there.
        """
        self.labels = labels
        self.corpora = tuple(corpora)
        self.table: pd.DataFrame = self._labelled(table)
        self._sets = sets
        self._index_file = index_file
        self._index = self._open_index()

    def _labelled(self, table: pd.DataFrame) -> pd.DataFrame:
        labels = [self.labels.of(feature) for feature in range(len(table))]
        return table.assign(
            label=[label.text for label in labels],
            label_source=[label.source for label in labels],
            star=[self.labels.own(feature).star for feature in range(len(table))],
        )

    def _open_index(self) -> SearchIndex:
        return SearchIndex(self._index_file, self.table, self.table["label"].tolist())

    def search(self, query: str) -> Found:
        """Features that match the words, best first. Raises BadInput for a query without words."""
        try:
            return self._index.search(query)
        except sqlite3.DatabaseError:
            self._index = self._open_index()
            return self._index.search(query)

    def why(self, found: Found, features: Sequence[int]) -> dict[int, dict[str, list[str]]]:
        """Feature -> where -> the very words that a search found there."""
        return self._index.why(found.match, features)

    def relabel(self, feature: int, *, label: str | None = None, star: bool | None = None) -> Label:
        """Keep the user's own label, or star; an empty label takes theirs back. Returns the label
        that stands then.

        Raises BadInput for a feature the SAE does not have, or a label that is too long.
        """
        standing = self.labels.set(feature, label=label, star=star)
        self.table.loc[feature, ["label", "label_source", "star"]] = [
            standing.text,
            standing.source,
            self.labels.own(feature).star,
        ]
        self._index.relabel(feature, standing.text)
        return standing

    def import_labels(self, lines: Iterable[str], name: str) -> Imported:
        """As backend.features.labels.Labels.import_lines; the table and the search know them at
        once.
        """
        done = self.labels.import_lines(lines, name)
        self.refresh()
        return done

    def refresh(self) -> None:
        """Take up labels that another process has written."""
        if self.labels.reread():
            self.table = self._labelled(self.table)
            self._index = self._open_index()

    def summary(self, feature: int) -> dict[str, Any]:
        """One row of the table, in plain types. Raises BadInput for a feature the SAE does not
        have.
        """
        if not 0 <= feature < len(self.table):
            raise BadInput(
                f"There is no feature {feature}: this SAE has features 0 to {len(self.table) - 1}."
            )
        row = self.table.iloc[feature]
        return {
            "feature": feature,
            "label": row.label,
            "label_source": row.label_source,
            "star": bool(row.star),
            "forget_density": float(row.forget_density),
            "retain_density": float(row.retain_density),
            "selectivity": float(row.selectivity),
            "max_act": float(row.max_act),
            "top_tokens": list(row.top_words),
            "fires_on_questions": {s.name: int(row[f"on_{s.name}"]) for s in self._sets},
        }

    def name(self, feature: int) -> str:
        """The feature's label, or the words it fires on most."""
        row = self.table.iloc[feature]
        fires = row.forget_density + row.retain_density > 0
        without = "no words: punctuation and the like" if fires else "never fires here"
        return row.label or ", ".join(row.top_words[:3]) or without

    def about(self, feature: int) -> dict[str, Any]:
        """What a slider says of its feature."""
        row = self.table.iloc[feature]
        return {
            "name": self.name(feature),
            "max_act": float(row.max_act),
            "fires_forget": int(row.fires_forget),
            "fires_retain": int(row.fires_retain),
        }
