"""Rows from files in every form, from folders in every layout, and what is said of the others."""

import gzip
import os
import time
import tracemalloc

import numpy as np
import pytest

from backend.data.sources import MOST_LIST, Broken, file_rows, find_file, rows
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


@pytest.mark.parametrize("config", ["*", "[a-z]*", "?irology", "**", "x" * 400])
def test_a_configuration_is_no_pattern(tmp_path, config):
    (tmp_path / "virology.json").write_text("")
    with pytest.raises(BadInput, match="does not hold"):
        find_file(tmp_path, config, "none")


def test_a_folder_needs_a_configuration(tmp_path):
    with pytest.raises(BadInput, match="is a folder: give config too"):
        find_file(tmp_path, "", "test")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"none cannot be read: No such file"):
        list(file_rows(tmp_path / "none"))


@pytest.mark.parametrize(
    "place",
    [
        "virology/test-00000-of-00001.parquet",
        "test/virology_test.csv",
        "virology_test.csv",
        "virology_questions.json",
        "virology.parquet",
        "virology.json",
        "virology.jsonl",
        "virology.csv",
        "test.jsonl",
    ],
)
def test_a_folder_is_searched_for_the_layouts_that_are_handed_round(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("")
    (tmp_path / "other.json").write_text("")
    assert find_file(tmp_path, "virology", "test") == tmp_path / place


def test_a_configuration_of_wmdp_is_found_under_its_original_name(tmp_path):
    (tmp_path / "bio_questions.json").write_text("")
    assert find_file(tmp_path, "wmdp-bio", "test") == tmp_path / "bio_questions.json"


def test_the_hubs_layout_goes_before_the_others(tmp_path):
    for place in ("virology.json", "virology/test-00000-of-00001.parquet"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("")
    assert find_file(tmp_path, "virology", "test").suffix == ".parquet"


def test_a_folder_without_the_data_says_what_was_looked_for(tmp_path):
    said = r"does not hold 'virology', split 'dev'\. Expected .*dev/virology_dev\.csv"
    with pytest.raises(BadInput, match=said):
        find_file(tmp_path, "virology", "dev")


def test_a_split_in_several_files_is_refused(tmp_path):
    (tmp_path / "virology").mkdir()
    for part in range(2):
        (tmp_path / "virology" / f"test-0000{part}-of-00002.parquet").write_text("")
    with pytest.raises(BadInput, match=r"holds 'virology' in 2 files .* put them into one"):
        find_file(tmp_path, "virology", "test")


def test_rows_are_numbered_in_each_subject_from_one(tmp_path):
    for subject, n in (("virology", 2), ("anatomy", 1)):
        (tmp_path / f"{subject}.json").write_bytes(as_json(QUESTIONS[:n]))
    got = rows(RowSource(folder=tmp_path), ("virology", "anatomy"))
    places = [(subject, number) for subject, number, _ in got]
    assert places == [("virology", 1), ("virology", 2), ("anatomy", 1)]


def test_the_data_folder_takes_the_place_of_the_hub(tmp_path, monkeypatch):
    (tmp_path / "wmdp").mkdir()
    (tmp_path / "wmdp" / "bio_questions.json").write_bytes(as_json(QUESTIONS))
    source = RowSource(dataset="cais/wmdp", config="wmdp-bio", local="wmdp")
    monkeypatch.setenv("CLAMPBOARD_DATA", str(tmp_path))
    assert [row for _, _, row in rows(source)] == QUESTIONS
    monkeypatch.setenv("CLAMPBOARD_DATA", str(tmp_path / "none"))
    with pytest.raises(BadInput, match=r"CLAMPBOARD_DATA names .*none"):
        list(rows(source))
