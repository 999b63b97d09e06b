"""Lines of labels: what a file may hold, and what Neuronpedia or the network may answer."""

import gzip
import json
import os
import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backend.errors import BadInput, Unavailable
from backend.features import label_lines
from backend.features.label_lines import fetch, read_bytes, read_labels, read_lines, text_lines
from tests.backend.features.test_labels import EXPLANATIONS, PAGE

WHOLE = gzip.compress(bytes(range(32, 120)) * 3, mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\x00",
        b"\x1f\x8bbroken",
        WHOLE[:20],
        b"x" * 300_000,
        *(WHOLE[:at] + bytes([WHOLE[at] ^ 255]) + WHOLE[at + 1 :] for at in (11, 20, 30, -6)),
    ],
    ids=["bytes", "gzip", "cut", "long", *("damage" * i for i in range(1, 5))],
)
def test_what_is_no_text_is_refused_in_words(data):
    with pytest.raises(BadInput, match="f.jsonl"):
        list(text_lines(data, "f.jsonl"))


def test_more_text_than_is_read_is_counted_while_it_is_decompressed(monkeypatch):
    monkeypatch.setattr(label_lines, "MAX_TEXT", 1_000)
    data = gzip.compress(b"{}\n" * 500)
    assert len(data) < 100
    with pytest.raises(BadInput, match="f.jsonl is too large at line 334"):
        list(text_lines(data, "f.jsonl"))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_empty_lines_are_counted_too(monkeypatch, pack):
    monkeypatch.setattr(label_lines, "MAX_LINES", 1_000)
    assert len(list(text_lines(pack(b"\n" * 1_000), "f.jsonl"))) == 1_000
    with pytest.raises(BadInput, match="f.jsonl is too large at line 1,001"):
        list(text_lines(pack(b"\n" * 1_001), "f.jsonl"))


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_text():
    lines = text_lines('\ufeff{"index": 1, "description": "a"}\r\n\r\n'.encode(), "f")
    assert read_lines(lines, "f", 10, None).imported == {1: "a"}


def test_a_pipe_a_device_and_a_file_too_large_are_refused_before_they_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(2_000_000_000)
    for file, words in (
        (tmp_path / "pipe", "no regular file"),
        (Path("/dev/urandom"), "no regular file"),
        (tmp_path / "large", "larger than"),
        (tmp_path, "cannot be read"),
        (tmp_path / "none", "cannot be read"),
    ):
        with pytest.raises(BadInput, match=words):
            read_bytes(file)
        with pytest.raises(BadInput, match=words):
            read_labels(file, 24)


@pytest.fixture
def bucket(tmp_path):
    """Neuronpedia's bucket, on this machine."""
    folder = tmp_path / "bucket" / PAGE / "explanations"
    folder.mkdir(parents=True)
    for batch, rows in enumerate((EXPLANATIONS[:2], EXPLANATIONS[2:])):
        (folder / f"batch-{batch}.jsonl.gz").write_bytes(
            gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
        )

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = partial(Quiet, directory=str(tmp_path / "bucket"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_all_batches_are_fetched(bucket):
    rows = [json.loads(line) for line in fetch(PAGE, bucket)]
    assert rows == EXPLANATIONS
    with pytest.raises(BadInput, match="no explanations of gemma-2-2b/none"):
        list(fetch("gemma-2-2b/none", bucket))


def test_no_network_is_said():
    with pytest.raises(Unavailable, match="cannot be reached"):
        list(fetch(PAGE, "http://127.0.0.1:9"))


def test_an_answer_that_does_not_end_is_not_read_to_its_end(bucket, monkeypatch):
    monkeypatch.setattr(label_lines, "MAX_BATCH", 100)
    with pytest.raises(BadInput, match="larger than"):
        list(fetch(PAGE, bucket))


def test_an_answer_that_is_no_http_is_said():
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_nonsense, args=(server,), daemon=True).start()
        with pytest.raises(Unavailable, match="cannot be reached"):
            list(fetch(PAGE, f"http://127.0.0.1:{server.getsockname()[1]}"))


def _nonsense(server):
    connection, _ = server.accept()
    with connection:
        connection.recv(1_000)
        connection.sendall(b"nonsense\r\n\r\n")


@pytest.mark.parametrize(
    "line", ["x\theart", "3", "99\theart", "-1\ta", "9" * 5_000 + "\tx", "\u0663\tx"]
)
def test_a_wrong_line_of_the_setups_file_is_named(tmp_path, line):
    file = tmp_path / "labels.tsv"
    file.write_text(f"# feature, label\n1\tcells\n{line}\n")
    with pytest.raises(BadInput, match="line 3"):
        read_labels(file, 24)


def test_a_setups_file_that_is_no_text_is_said(tmp_path):
    (tmp_path / "labels.tsv").write_bytes(b"1\t\xff\n")
    with pytest.raises(BadInput, match="no text in UTF-8"):
        read_labels(tmp_path / "labels.tsv", 24)
