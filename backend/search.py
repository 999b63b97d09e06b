"""Find features by words: in their label, in the words they fire on, in the tokens they promote. SQLite FTS5."""

import re
import sqlite3
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from backend.errors import BadInput
from backend.store import replacing

MAX_QUERY = 200
"""Characters; a longer text is no keyword."""
FIELDS = {"label": 6.0, "top_words": 3.0, "promoted": 1.0}
"""Searched columns, and what the best hit in each is worth; the others get their share of it (BM25 over the best BM25)."""


class Hit(NamedTuple):
    feature: int
    score: float
    """Higher is better; only the order means something."""
    why: str
    """Where the words were found, in words."""


WHY = {"label": "label", "top_words": "fires on", "promoted": "promotes"}


def build_index(path: Path, features: pd.DataFrame) -> None:
    """Write the index of a table with the columns feature, label, top_words, promoted (the last two lists)."""
    with replacing(path) as scratch:
        connection = sqlite3.connect(scratch)
        try:
            for field in FIELDS:
                connection.execute(f"CREATE VIRTUAL TABLE {field} USING fts5(words, tokenize = 'porter unicode61 remove_diacritics 2')")
            for field in FIELDS:
                rows = [(int(f), text if isinstance(text, str) else " ".join(text))
                        for f, text in zip(features["feature"], features[field], strict=True)]  # fmt: skip
                connection.executemany(f"INSERT INTO {field}(rowid, words) VALUES (?, ?)", [row for row in rows if row[1]])
            connection.commit()
        finally:
            connection.close()


def keywords(query: str) -> list[str]:
    """The query's words. Raises BadInput if it has none, or is too long to be keywords."""
    if len(query) > MAX_QUERY:
        raise BadInput(f"The search text has {len(query):,} characters; use a few keywords, at most {MAX_QUERY} characters.")
    words = re.findall(r"\w+", query.lower())
    if not words:
        raise BadInput("The search needs a word, such as virus or enzyme.")
    return words


def search(path: Path, query: str) -> list[Hit]:
    """Features that match any of the words, best first. Plurals and case are forgiven; a word also finds longer ones it begins."""
    words = keywords(query)
    match = " OR ".join(f'"{word}" OR "{word}"*' for word in words)
    found: dict[int, dict[str, float]] = {}
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        for field, weight in FIELDS.items():
            ranked = connection.execute(
                f"SELECT rowid, -bm25({field}) AS fit FROM {field} WHERE {field} MATCH ? ORDER BY fit DESC", (match,)
            ).fetchall()
            for feature, fit in ranked:
                found.setdefault(feature, {})[field] = weight * fit / ranked[0][1]
    finally:
        connection.close()
    hits = [Hit(feature, sum(parts.values()), ", ".join(WHY[field] for field in FIELDS if field in parts)) for feature, parts in found.items()]
    return sorted(hits, key=lambda hit: (-hit.score, hit.feature))
