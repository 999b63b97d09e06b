"""Label files: imported on the command line and on the page, and named by a setup."""

import gzip
import json
from pathlib import Path

from hypothesis import strategies as st

from backend.features.label_lines import text_lines
from tests.hostile.box import copied, engines_kept, living_in
from tests.hostile.counts import Counts, Share, attempt, command
from tests.hostile.fuzz import drive
from tests.hostile.values import DEEP, changed, json_bytes, scratched, texts, traps, values

KEPT = "another of mine"
"""A label of the box, of a feature that no row here names."""
ROW = {
    "modelId": "m",
    "layer": "l",
    "index": "3",
    "description": "words",
    "typeName": "clampboard-own",
    "star": True,
}
LINES = (
    b"", b"{}", b"[]", b"null", b'{"index": "1", "description": "a"}', DEEP.encode(), b"\xff\xfe",
    b'{"index": ' + b"9" * 5000 + b', "description": "a"}', b'{"index": Infinity}',
    b'{"index": "1", "description": "\\ud800"}',

    b'{"index": "5", "description": "' + b"x" * 300_000,
    b'{"index": 1e400, "description": "a"}', b'{"index": true, "description": ["a"]}',
)  # fmt: skip


def contents() -> st.SearchStrategy[bytes]:
    """JSON lines, plain or gzipped, whole or not."""
    index = st.one_of(st.integers(-2, 6).map(str), st.integers(20, 30), values)
    row = changed(ROW, st.one_of(values, index), ("index", "description", "x", "typeName"))
    line = st.one_of(row.map(json_bytes), row.map(json_bytes), st.sampled_from(LINES))
    plain = st.lists(line, max_size=5).map(b"\n".join)
    packed = plain.map(lambda content: gzip.compress(content, mtime=0))
    good = json.dumps(ROW).encode()
    return st.one_of(
        plain, plain, packed, packed.flatmap(scratched), scratched(good + b"\n" + good), bombs()
    )


def bombs() -> st.SearchStrategy[bytes]:
    """Small on disk, up to a gigabyte of newlines or of one line when read."""
    member = st.sampled_from((b"\n", b"x", b" ")).map(
        lambda b: gzip.compress(b * 10_000_000, mtime=0)
    )
    return st.tuples(member, st.sampled_from((1, 30, 100))).map(lambda m: m[0] * m[1])


def tables() -> st.SearchStrategy[bytes]:
    """Tab-separated lines, as a setup's file of labels has them."""
    feature = st.one_of(st.integers(-2, 30).map(str), texts)
    line = st.tuples(feature, st.sampled_from(("\t", " ", "\t\t", "")), texts).map("".join)
    whole = st.lists(line, max_size=5).map("\n".join)
    plain = whole.map(lambda text: text.encode("utf-8", "surrogatepass"))
    return st.one_of(plain, plain, plain.flatmap(scratched))


def run(box: Path, place: Path, share: Share) -> Counts:
    counts = Counts()
    toml = copied(box, place / "label_files")
    tried, table = toml.with_name("tried.jsonl.gz"), toml.with_name("labels.tsv")
    with living_in(toml.parent), engines_kept():
        named = [["labels", str(toml), "import", path] for path in traps(place / "traps")]
        for argv in named:
            if not share.over:
                share.spend()
                command(counts, argv)

        def one(given: tuple[str, bytes]) -> None:
            kind, content = given
            if kind == "table":
                table.write_bytes(content)
                command(counts, ["labels", str(toml), "show"])
                table.write_text("3\theart and vessels\n")
                return
            if kind == "upload":
                attempt(counts, content, lambda: list(text_lines(content, "an upload")))
                return
            tried.write_bytes(content)
            before = _own(toml)
            ran = command(counts, ["labels", str(toml), "import", str(tried)])
            after = _own(toml)
            if KEPT not in after:
                counts.note("lost", "a label that no line names is gone", content)
            elif ran.status != 0 and after != before:
                counts.note("lost", "a refused file changed labels", content)

        inputs = st.one_of(
            st.tuples(st.just("import"), contents()),
            st.tuples(st.just("upload"), contents()),
            st.tuples(st.just("table"), tables()),
        )
        drive(share, inputs, one)
    return counts


def _own(toml: Path) -> str:
    """The user's own labels, as they are exported."""
    out = toml.with_name("own.jsonl")
    command(Counts(), ["labels", str(toml), "export", str(out)])
    return out.read_text() if out.exists() else ""
