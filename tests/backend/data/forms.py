"""The same questions in every form that people keep them in."""

import csv
import gzip
import io
import json
from collections.abc import Callable

import pandas as pd

QUESTIONS = [
    {
        "question": "Which planet is red?",
        "choices": ["Venus", "Mars", " Earth", "Jove, the large"],
        "answer": 1,
    },
    {"question": 'What is "half"\nof four?', "choices": ["1", "2", "3", "4"], "answer": 1},
    {"question": "Where is up?", "choices": ["[here]", "{there}", "above", "below"], "answer": 2},
]


def as_json(rows: list) -> bytes:
    return json.dumps(rows, indent=1).encode()


def as_jsonl(rows: list) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def cells(row: dict) -> list[str]:
    """A question as the original MMLU archive has it."""
    return [row["question"], *row["choices"], "ABCD"[row["answer"]]]


def as_csv(rows: list[dict]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(map(cells, rows))
    return out.getvalue().encode()


def as_parquet(rows: list[dict]) -> bytes:
    return pd.DataFrame(rows).to_parquet()


FORMS: dict[str, Callable[[list[dict]], bytes]] = {
    "json": as_json,
    "jsonl": as_jsonl,
    "csv": as_csv,
    "parquet": as_parquet,
    "gzip": lambda rows: gzip.compress(as_jsonl(rows)),
    "parquet in gzip": lambda rows: gzip.compress(as_parquet(rows)),
    "csv with a mark": lambda rows: b"\xef\xbb\xbf" + as_csv(rows),
}
