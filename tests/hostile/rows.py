"""Rows of questions and of texts, in every form a file may have."""

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st
from pyarrow import parquet

from backend.data.corpora import read_texts
from backend.data.question_sets import read_set
from backend.setups import CorpusSource, SetSource
from tests.hostile.box import copied, living_in
from tests.hostile.counts import Counts, Failed, Share, attempt, command
from tests.hostile.fuzz import drive
from tests.hostile.label_files import bombs
from tests.hostile.values import BITS, DEEP, changed, json_bytes, scratched, texts, values

QUESTION = {
    "set": "biology",
    "topic": "t",
    "subject": "s",
    "question": "Which organ pumps blood?",
    "choices": ["The heart", "A cell", "The old town by the sea", "Air"],
    "answer": 0,
}
TEXT = {"role": "biology", "text": "The heart pumps blood through the body."}
FIELDS = ("set", "question", "choices", "answer", "text", "role", "subject", "x")
LONG = "blood " * 3000
LINES = (DEEP.encode(), b'{"answer": Infinity}', b'{"a": 1e400}', b'{"answer": ' + b"9" * 5000)


def contents(row: dict[str, Any]) -> st.SearchStrategy[bytes]:
    pool = st.one_of(values, st.sampled_from((LONG, DEEP[:5000], ["a", "b", "c", LONG])))
    rows = st.lists(st.one_of(st.just(row), changed(row, pool, FIELDS)), min_size=1, max_size=4)
    lines = st.lists(
        st.one_of(changed(row, pool, FIELDS).map(json_bytes), st.sampled_from(LINES)), max_size=4
    ).map(b"\n".join)
    tables = st.lists(
        st.lists(st.one_of(texts, st.just("x" * 200_000)), max_size=7), max_size=4
    ).map(_csv)
    arrow = rows.map(_parquet)
    plain = st.one_of(lines, lines, rows.map(json_bytes), tables, arrow, st.sampled_from(BITS))
    return st.one_of(plain, plain, plain.flatmap(scratched), plain.map(_zipped), bombs())


def _zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)  # the same each time it is drawn


def _csv(table: list[list[str]]) -> bytes:
    out = io.StringIO()
    try:
        csv.writer(out).writerows(table)
    except csv.Error:
        return b","
    return out.getvalue().encode("utf-8", "surrogatepass")


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    try:
        parquet.write_table(pa.Table.from_pylist(rows), out)
    except (pa.ArrowException, ValueError, TypeError, OverflowError, AttributeError):
        return b"PAR1" + json_bytes(rows)
    return out.getvalue()


def run(box: Path, place: Path, share: Share) -> Counts:
    counts = Counts()
    toml = copied(box, place / "rows")
    quiz, passages = toml.with_name("quiz.jsonl"), toml.with_name("passages.jsonl")
    good = {quiz: quiz.read_bytes(), passages: passages.read_bytes()}
    asked = SetSource(name="biology", title="B", role="forget", file=quiz)
    read = CorpusSource(role="forget", title="b", file=passages, where="biology")
    with living_in(toml.parent):

        def one(given: tuple[str, bytes, bool]) -> None:
            kind, content, whole = given
            file = quiz if kind == "question" else passages
            file.write_bytes(content)
            call = (lambda: read_set(asked)) if file == quiz else (lambda: read_texts(read))
            came = attempt(counts, content, call)
            if whole and not isinstance(came, Failed) and len(content) < 100_000:
                # What can be read can be asked: a copy of the good rows stands beside it.
                beside = b"" if content[:1] != b"{" else b"\n" + good[file]
                file.write_bytes(content + beside)
                command(counts, ["evaluate", str(toml), "--clamps", "3:-5"])
            file.write_bytes(good[file])

        inputs = st.one_of(
            st.tuples(st.just("question"), contents(QUESTION), st.integers(0, 3).map(bool)),
            st.tuples(st.just("text"), contents(TEXT), st.integers(0, 3).map(bool)),
        )
        drive(share, inputs, one)
    return counts
