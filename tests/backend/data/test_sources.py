"""Rows from files in every form, and what is said of the others."""

import gzip
import os
import time
import tracemalloc

import numpy as np
import pytest

from backend.data.layouts import find_file
from backend.data.sources import MOST_LIST, Broken, file_rows, rows
from backend.errors import BadInput
from backend.rim import LONGEST_LINE, MB, MOST_LINES
from backend.setups import RowSource
from tests.backend.data.forms import FORMS, QUESTIONS, as_json, as_jsonl, cells


def as_plain(row):
    """Parquet has its lists as arrays."""
    if not isinstance(row, dict):
        return row
    return {name: list(v) if isinstance(v, np.ndarray) else v for name, v in row.items()}


def read(path, content: bytes, **options) -> list:
    path.write_bytes(content)
    return [as_plain(row) for row in file_rows(path, **options)]


@pytest.mark.parametrize("form", FORMS)
def test_a_files_form_is_told_from_its_content(tmp_path, form):
    wanted = [cells(row) for row in QUESTIONS] if "csv" in form else QUESTIONS
    assert read(tmp_path / "no_ending", FORMS[form](QUESTIONS)) == wanted


@pytest.mark.parametrize("form", FORMS)
def test_a_small_file_takes_little_memory(tmp_path, form):
    """Not the most that any file may have."""
    content = FORMS[form](QUESTIONS)
    read(tmp_path / "f", content)
    tracemalloc.start()
    try:
        read(tmp_path / "f", content)
        assert tracemalloc.get_traced_memory()[1] < 3 * MOST_LIST
    finally:
        tracemalloc.stop()


def test_an_error_of_arrow_without_a_text_is_said_by_its_name(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError

    monkeypatch.setattr("pyarrow.parquet.ParquetFile", fail)
    with pytest.raises(BadInput, match="damaged Parquet file: OSError. Fetch it again"):
        read(tmp_path / "f", FORMS["parquet"](QUESTIONS))


def test_a_line_that_is_no_json_is_broken_and_keeps_its_place(tmp_path):
    first, second, third = read(tmp_path / "f", b'{"a": 1}\n{half\n\n{"a": 3}')
    assert (first, third) == ({"a": 1}, {"a": 3})
    assert isinstance(second, Broken)
    assert second.why.startswith("not JSON: ")


def test_plain_text_is_a_row_a_line_with_its_end(tmp_path):
    content = b" = A heading = \r\n\r\n[ not JSON ] \nthe end"
    texts = [row["text"] for row in read(tmp_path / "f", content, plain=True)]
    assert texts == [" = A heading = \n", "[ not JSON ] \n", "the end\n"]


def test_json_lines_are_read_as_such_where_plain_text_would_do(tmp_path):
    assert read(tmp_path / "f", as_jsonl(QUESTIONS), plain=True) == QUESTIONS


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PAR1 and then nothing", "damaged Parquet file: .* Fetch it again"),
        (b"PAR1" * 999, "damaged Parquet file: .* Fetch it again"),
        (b"\x1f\x8b\x08cut", "is damaged gzip .* Fetch it again"),
        (gzip.compress(b"x" * 99, mtime=0)[:20], "is damaged gzip .* Fetch it again"),
        (
            gzip.compress(b"x" * 9999, mtime=0)[:-8] + b"12345678",
            "is damaged gzip .* Fetch it again",
        ),
        (gzip.compress(b"x" * 99, mtime=0) + b"more", "is damaged gzip .* Fetch it again"),
        (gzip.compress(bytes(range(256)) * 40, mtime=0)[:60] + b"\xff" * 99, "is damaged gzip"),
        (b"a\n\xff\xfe\x00", "no text in UTF-8: byte 1 of line 2 does not fit"),
        (b"x" * (LONGEST_LINE + 1), "line 1, is larger than 32 MB"),
        (gzip.compress(b"\n" * (MOST_LINES + 1), mtime=0), "more than 5,000,000 lines"),
        (b"[" + b"0," * 17 * MB + b"1]", "JSON list of more than 32 MB. Write it as JSON lines"),
        (b'a,"' + b"x" * 200_000 + b'"\n"a"b\n\0\n"c', None),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path, content, says):
    start = time.monotonic()
    if says is None:
        assert len(read(tmp_path / "f", content)[0][1]) == 200_000
        return
    with pytest.raises(BadInput, match=says):
        read(tmp_path / "f", content)
    assert time.monotonic() - start < 10


def test_a_row_that_is_nested_too_deeply_is_broken_and_keeps_its_place(tmp_path):
    got = read(tmp_path / "f", b'{"a": 1}\n{"a": ' + b"[" * 99_999 + b'\n{"a": 3}')
    assert got == [{"a": 1}, Broken("nested too deeply"), {"a": 3}]


def test_old_line_ends_and_empty_lines_in_a_cell_of_csv_are_kept(tmp_path):
    assert read(tmp_path / "f", b'a,"b\n\nc"\rd,e\r') == [["a", "b\n\nc"], ["d", "e"]]


def test_a_list_of_nothing_is_read_in_seconds(tmp_path):
    start = time.monotonic()
    assert len(read(tmp_path / "f", b"[" + b"[]," * 2_000_000 + b"0]")) == 2_000_001
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("place", ["/dev/zero", "pipe"])
def test_what_is_no_regular_file_is_refused(tmp_path, place):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="no regular file"):
        list(file_rows(tmp_path / place))
    with pytest.raises(BadInput, match="neither a file nor a folder"):
        find_file(tmp_path / place, "a", "test")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"none cannot be read: No such file"):
        list(file_rows(tmp_path / "none"))


def test_rows_are_numbered_in_each_subject_from_one(tmp_path):
    for subject, n in (("virology", 2), ("anatomy", 1)):
        (tmp_path / f"{subject}.json").write_bytes(as_json(QUESTIONS[:n]))
    got = rows(RowSource(folder=tmp_path), ("virology", "anatomy"))
    places = [(subject, number) for subject, number, _ in got]
    assert places == [("virology", 1), ("virology", 2), ("anatomy", 1)]


@pytest.mark.parametrize("where", ["file", "folder"])
def test_a_file_of_several_subjects_is_parted_by_what_its_rows_say(tmp_path, where):
    said = ["b", "a", None, "c", "b"]
    mixed = [{**QUESTIONS[0], **({"subject": s} if s else {}), "n": n} for n, s in enumerate(said)]
    (tmp_path / "test.jsonl").write_bytes(as_jsonl(mixed) + b"\n{half")
    source = RowSource(**{where: tmp_path / "test.jsonl" if where == "file" else tmp_path})
    got = [(subject, n, getattr(row, "why", row)) for subject, n, row in rows(source, ("a", "b"))]
    assert got[:3] == [("a", 1, mixed[1]), ("b", 1, mixed[0]), ("b", 2, mixed[4])]
    assert got[3] == ("", 3, "it does not say its subject")
    assert got[4][:2] == ("", 6)
    assert got[4][2].startswith("not JSON")
    with pytest.raises(BadInput, match=r"test.jsonl has no subject 'd'; there are b, a, c\."):
        list(rows(source, ("a", "d")))


def test_the_data_folder_takes_the_place_of_the_hub(tmp_path, monkeypatch):
    (tmp_path / "wmdp").mkdir()
    (tmp_path / "wmdp" / "bio_questions.json").write_bytes(as_json(QUESTIONS))
    source = RowSource(dataset="cais/wmdp", config="wmdp-bio", local="wmdp")
    monkeypatch.setenv("CLAMPBOARD_DATA", str(tmp_path))
    assert [row for _, _, row in rows(source)] == QUESTIONS
    monkeypatch.setenv("CLAMPBOARD_DATA", str(tmp_path / "none"))
    with pytest.raises(BadInput, match=r"CLAMPBOARD_DATA names .*none"):
        list(rows(source))
