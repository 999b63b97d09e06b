"""Find features by words: in their label, in the words they fire on, in the tokens they promote.

SQLite's FTS5 ranks the words (BM25 over Porter's stems, so plurals and case are forgiven); a word
that no label and no example holds is read as the nearest ones that some do (Damerau-Levenshtein
distance, from rapidfuzz).
"""

import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from backend.errors import BadInput, Unavailable
from backend.store import if_it_can_be_kept, is_sealed, replacing, seal_file

FloatArray = NDArray[np.float64]

MAX_QUERY = 200
"""Characters; a longer text is no keyword."""
FIELDS = {"label": 6.0, "top_words": 3.0, "promoted": 1.0}
"""Searched columns, and what the best hit in each is worth; the others get their share of it (BM25
over the best BM25).
"""
WHY = {"label": "label", "top_words": "fires on", "promoted": "promotes"}
BEGINNING = 0.25
"""What a word that only begins with the query's is worth: "gene" finds "genetics", after all that
have "gene" itself.
"""
BEGINS_FROM = 3
"""Letters a word needs to find longer ones."""
ENDINGS = (
    ("", "s"), ("", "es"), ("y", "ies"),
    ("us", "i"), ("um", "a"), ("on", "a"), ("a", "ae"), ("is", "es"), ("f", "ves"),
)  # fmt: skip
"""Of the singular and the plural, in plain English and in biology's Latin."""
TOKENIZER = "tokenize = 'porter unicode61 remove_diacritics 2'"
MARK = "\x01"
NEAREST = 3
"""Words a slip is read as, at most."""
SHOWN = 200
"""Features a page lists at once."""


class Found(NamedTuple):
    hits: pd.DataFrame
    """Best first: feature; score, of which only the order means something; and one column for each
    of FIELDS, its part of the score.
    """
    read_as: dict[str, list[str]]
    """Words that nothing holds, and what they were read as."""
    match: str
    """For `SearchIndex.why`."""


class SearchIndex:
    """The words of all features; threads may share it.

    Words and tokens lie in a file; labels, which change, in memory.
    """

    def __init__(self, path: Path, features: pd.DataFrame, labels: Sequence[str]) -> None:
        """Opens the file, or writes it from a table; where it cannot be written, in memory.

        Its columns are feature, and top_words and promoted, which are lists.
        """
        if not is_sealed(path):
            with if_it_can_be_kept("The search's index"):
                build_index(path, features)
        self._lock = threading.Lock()
        self._n_features = len(labels)
        if is_sealed(path):
            address = f"{path.absolute().as_uri()}?mode=ro"
            self._db = sqlite3.connect(address, uri=True, check_same_thread=False)
        else:
            self._db = sqlite3.connect(":memory:", check_same_thread=False)
            _fill(self._db, features)
        self._db.execute("ATTACH ':memory:' AS memory")
        self._db.execute(f"CREATE VIRTUAL TABLE memory.label USING fts5(words, {TOKENIZER})")
        self._db.execute(
            "CREATE VIRTUAL TABLE memory.shown "
            f"USING fts5(feature UNINDEXED, field UNINDEXED, words, {TOKENIZER})"
        )
        self._db.executemany(
            "INSERT INTO memory.label(rowid, words) VALUES (?, ?)",
            ((f, text) for f, text in enumerate(labels) if text),
        )
        self._words = Counter(dict(self._db.execute("SELECT word, features FROM vocabulary")))
        self._words.update(word for text in labels for word in set(words_in(text)))

    def relabel(self, feature: int, label: str) -> None:
        with self._lock:
            self._db.execute("DELETE FROM memory.label WHERE rowid = ?", (feature,))
            if label:
                self._db.execute(
                    "INSERT INTO memory.label(rowid, words) VALUES (?, ?)", (feature, label)
                )
            self._words.update(set(words_in(label)))

    def search(self, query: str) -> Found:
        """Features that match any of the words. Raises BadInput for a query without words."""
        words = keywords(query)
        with self._lock:
            read_as = {
                word: near
                for word in words
                if not self._holds(word) and (near := self._nearest(word))
            }
            forms = (
                form
                for word in words
                for other in (word, *read_as.get(word, ()))
                for form in self._forms(other)
            )
            sought = list(dict.fromkeys(forms))
            parts = {field: self._field(field, weight, sought) for field, weight in FIELDS.items()}
        score = sum(parts.values(), start=np.zeros(self._n_features))
        feature = np.flatnonzero(score)
        feature = feature[np.argsort(-score[feature], kind="stable")]
        of_hits = {field: part[feature] for field, part in parts.items()}
        hits = pd.DataFrame({"feature": feature, "score": score[feature], **of_hits})
        match = " OR ".join(filter(None, (_exactly(sought), _beginning(sought))))
        return Found(hits, read_as, match)

    def _field(self, field: str, weight: float, words: Sequence[str]) -> FloatArray:
        """Each feature's part of the score; 0 where the field has none of the words."""
        part = np.zeros(self._n_features)
        best = 0.0
        for match, worth in ((_exactly(words), 1.0), (_beginning(words), BEGINNING)):
            if match:
                rows = self._db.execute(
                    f"SELECT rowid, -bm25({field}) FROM {field} WHERE {field} MATCH ?", (match,)
                )
                ranked = np.fromiter(rows, dtype=[("feature", "i8"), ("fit", "f8")])
                if len(ranked):
                    best = best or ranked["fit"].max()
                    worthy = weight * worth * np.minimum(1.0, ranked["fit"] / best)
                    part[ranked["feature"]] = np.maximum(part[ranked["feature"]], worthy)
        return part

    def why(self, match: str, features: Sequence[int]) -> dict[int, dict[str, list[str]]]:
        """Feature -> field -> the very words that were found there."""
        rows = ",".join(str(int(feature)) for feature in features)
        out: dict[int, dict[str, list[str]]] = {}
        with self._lock:
            # Marking words in a large table would read every match; in this one, those asked for.
            self._db.execute("DELETE FROM memory.shown")
            for field in FIELDS:
                texts = self._db.execute(
                    f"SELECT rowid, words FROM {field} WHERE rowid IN ({rows})"
                ).fetchall()
                self._db.executemany(
                    "INSERT INTO memory.shown(feature, field, words) VALUES (?, ?, ?)",
                    ((f, field, text) for f, text in texts),
                )
            marking = (
                f"SELECT feature, field, highlight(shown, 2, '{MARK}', '{MARK}') "
                "FROM memory.shown WHERE shown MATCH ?"
            )
            for feature, field, marked in self._db.execute(marking, (match,)):
                words = (part.strip().lower() for part in marked.split(MARK)[1::2])
                out.setdefault(feature, {})[field] = list(dict.fromkeys(words))
        return out

    def _forms(self, word: str) -> list[str]:
        """The word, and its plural or singular where a feature has it.

        Porter's stems part "virus" from "viruses".
        """
        others = (
            word[: len(word) - len(a)] + b
            for one, many in ENDINGS
            for a, b in ((one, many), (many, one))
            if word.endswith(a)
        )
        return [word, *(other for other in others if other in self._words)]

    def _holds(self, word: str) -> bool:
        match = _exactly([word])
        return any(
            self._db.execute(
                f"SELECT 1 FROM {field} WHERE {field} MATCH ? LIMIT 1", (match,)
            ).fetchone()
            for field in ("label", "top_words")
        )

    def _nearest(self, word: str) -> list[str]:
        """The words at the smallest distance, the commonest first.

        At most one slip in words of four and five letters, two in longer ones.
        """
        if len(word) < 4:
            return []
        slips = 1 if len(word) < 6 else 2
        near = process.extract(
            word, self._words.keys(), scorer=OSA.distance, score_cutoff=slips, limit=None
        )
        least = min((distance for _, distance, _ in near), default=0)
        nearest = [other for other, distance, _ in near if distance == least]
        return sorted(nearest, key=lambda other: (-self._words[other], other))[:NEAREST]


def build_index(path: Path, features: pd.DataFrame) -> None:
    """The file a SearchIndex opens. Raises Unavailable if the disk will not have it."""
    try:
        with replacing(path) as scratch:
            connection = sqlite3.connect(scratch)
            try:
                _fill(connection, features)
            finally:
                connection.close()
    except sqlite3.OperationalError as error:
        raise Unavailable(f"{path} cannot be written ({error}). Free some disk space.") from error
    seal_file(path)


def _fill(connection: sqlite3.Connection, features: pd.DataFrame) -> None:
    for field in ("top_words", "promoted"):
        connection.execute(f"CREATE VIRTUAL TABLE {field} USING fts5(words, {TOKENIZER})")
        rows = (
            (int(f), " ".join(words))
            for f, words in zip(features["feature"], features[field], strict=True)
            if len(words)
        )
        connection.executemany(f"INSERT INTO {field}(rowid, words) VALUES (?, ?)", rows)
    words = Counter(
        word for words in features["top_words"] for word in set(words_in(" ".join(words)))
    )
    connection.execute("CREATE TABLE vocabulary(word TEXT, features INTEGER)")
    connection.executemany("INSERT INTO vocabulary VALUES (?, ?)", words.items())
    connection.commit()


def words_in(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def keywords(query: str) -> list[str]:
    """The query's words. Raises BadInput if it has none, or is too long to be keywords."""
    if len(query) > MAX_QUERY:
        raise BadInput(
            f"The search text has {len(query):,} characters; "
            f"use a few keywords, at most {MAX_QUERY} characters."
        )
    words = words_in(query)
    if not words:
        raise BadInput("The search needs a word, such as virus or enzyme.")
    return list(dict.fromkeys(words))


def _exactly(words: Sequence[str]) -> str:
    return " OR ".join(f'"{word}"' for word in words)


def _beginning(words: Sequence[str]) -> str:
    return " OR ".join(f'"{word}"*' for word in words if len(word) >= BEGINS_FROM)
