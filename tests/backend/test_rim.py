"""Bounds on what comes from outside: every hostile file is one short sentence, soon."""

import gzip
import io
import os
import time

import pytest

from backend import rim
from backend.errors import BadInput
from backend.rim import MB, MOST_LINES, deeper_than, inflate, kind, lines, opened, parse_json, shown


@pytest.fixture
def places(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def test_what_lies_at_a_path_is_told_without_an_error(places):
    names = ("file", "link", ".", "pipe", "none", "loop", "x" * 300, "a\0b")
    kinds = ["file", "file", "folder", "device", "", "", "", ""]
    assert [kind(places / name) for name in names] == kinds


@pytest.mark.parametrize("name", [".", "pipe", "none", "loop", "x" * 300, "a\0b", "/dev/zero"])
def test_what_is_no_regular_file_is_refused_at_once(places, name):
    for read in (rim.read_bytes, rim.read_text):
        with pytest.raises(BadInput, match="^The list .*(no regular file|cannot be read)"):
            read(places / name, MB, "The list")
    with (
        pytest.raises(BadInput, match="^The list .*(no regular file|cannot be read)"),
        opened(places / name, MB, "The list"),
    ):
        pass


def test_a_file_is_read_to_its_bound_and_not_beyond(places):
    assert rim.read_text(places / "link", 7) == "content"
    with pytest.raises(BadInput, match="larger than 0 kB, the most that is read"):
        rim.read_bytes(places / "file", 6)


@pytest.mark.parametrize("form", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_stream_is_the_same_whether_it_is_compressed_or_not(tmp_path, form):
    (tmp_path / "f").write_bytes(form("\ufeffa\n\nbé\r\nc".encode()))
    with opened(tmp_path / "f", MB) as stream:
        first = list(lines(stream, MB, "f"))
        stream.seek(0)
        assert list(lines(stream, MB, "f")) == first
    assert first == [(1, "a\n"), (2, "\n"), (3, "bé\r\n"), (4, "c")]


def test_decompressed_bytes_are_counted(tmp_path):
    (tmp_path / "f").write_bytes(gzip.compress(b"1234567\n" * 1000))
    with (
        pytest.raises(BadInput, match="f is larger than 8 kB"),
        opened(tmp_path / "f", MB) as stream,
    ):
        list(lines(stream, 7_999, "f"))
    assert len(inflate(gzip.compress(b"x" * MB), MB, "f")) == MB
    with pytest.raises(BadInput, match="f, decompressed, is larger than 1 MB"):
        inflate(gzip.compress(b"x" * (MB + 1)), MB, "f")


def test_a_gigabyte_of_line_breaks_ends_soon(tmp_path):
    start = time.monotonic()
    with pytest.raises(BadInput, match=f"more than {MOST_LINES:,} lines"):
        list(lines(io.BytesIO(b"\n" * (MOST_LINES + 1)), 1_000 * MB, "f"))
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    "text",
    ["[" * 99_999, "[" * 70 + "]" * 70, '{"a": NaN}', "1e999", "9" * 5_000, '"\\ud800"', "", "{"],
)
def test_what_is_no_json_is_one_short_sentence(text):
    with pytest.raises(BadInput, match="^The file ") as error:
        parse_json(text, "The file")
    assert len(str(error.value)) < 200


def test_how_deep_a_value_is_is_told_without_recursion():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert deeper_than(deep, 64)
    assert not deeper_than([[1], {"a": [2]}], 3)
    assert deeper_than([[1], {"a": [2]}], 2)


@pytest.mark.parametrize(
    "value",
    ["a\nb", "x" * 9_999, ["x"] * 9_999, 16**9_999, None],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_shown_on_a_short_line(value):
    assert len(shown(value)) <= 61
    assert shown(value).isprintable()
