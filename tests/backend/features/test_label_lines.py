"""Lines of labels: what a file may hold, and what Neuronpedia or the network may answer."""

import gzip
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from backend.errors import BadInput, Unavailable
from backend.features.label_lines import fetch, read_labels, text_lines
from tests.backend.features.test_labels import EXPLANATIONS, PAGE


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe\x00", b"\x1f\x8bbroken", gzip.compress(b"x" * 100)[:20], b"x" * 300_000],
    ids=["bytes", "gzip", "cut", "long"],
)
def test_what_is_no_text_is_refused_in_words(data):
    with pytest.raises(BadInput, match="f.jsonl"):
        list(text_lines(data, "f.jsonl"))


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


@pytest.mark.parametrize("line", ["x\theart", "3", "99\theart", "-1\ta"])
def test_a_wrong_line_of_the_setups_file_is_named(tmp_path, line):
    file = tmp_path / "labels.tsv"
    file.write_text(f"# feature, label\n1\tcells\n{line}\n")
    with pytest.raises(BadInput, match="line 3"):
        read_labels(file, 24)
