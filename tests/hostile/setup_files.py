"""Setups: the toy's TOML with every field at risk."""

import tomllib
from pathlib import Path

from hypothesis import strategies as st

from tests.hostile.box import copied, living_in
from tests.hostile.counts import Counts, Share, command
from tests.hostile.fuzz import drive
from tests.hostile.values import changed, scratched, toml_text, traps, values

FIELDS = (
    "extends", "without", "title", "scoring", "prompt", "untouched", "model", "sae", "sets",
    "corpora", "text_loss", "known", "half_seed", "name", "path", "package", "revision", "dtype",
    "device", "release", "sae_id", "hook_name", "labels", "file", "folder", "dataset", "config",
    "split", "local", "role", "subject", "subjects", "limit", "shots", "examples", "where",
    "longer_than", "documents", "row_tokens", "rows", "optional", "by", "source", "kind", "part",
    "at_least", "a.b", "", "é",
)  # fmt: skip
WORDS = (
    "xpu", "cuda", "cuda:9", "mps", "meta", "a.b", "os", "json", "torch", "auto", "float16",
    "bfloat16", "float32", "letter", "cloze", "cloze_per_char", "lm-eval", "paper", "paper-chat",
    "plain", "deep-ignorance", "all", "first", "special", "sinks", "biology", "history", "other",
    "computed", "published", "Farrell", "SAEBench", "blocks.1.hook_resid_post",
    "blocks.99.hook_resid_post", "blocks.0.hook_resid_pre", "cais/wmdp", "gpt2-small-res-jb",
    "toy.toml", "model", "sae", "quiz.jsonl", "passages.jsonl", "labels.tsv", "test", "../..",
    "demo",
)  # fmt: skip


def run(box: Path, place: Path, share: Share) -> Counts:
    counts = Counts()
    toml = copied(box, place / "setup_files")
    pool = st.one_of(st.sampled_from(traps(place / "traps")), st.sampled_from(WORDS), values)
    table = tomllib.loads(toml.read_text())
    trees = changed(table, pool, FIELDS).map(
        lambda t: toml_text(t).encode("utf-8", "surrogatepass")
    )
    inputs = st.one_of(trees, trees, trees, scratched(toml.read_bytes()))
    tried = toml.with_name("tried.toml")
    with living_in(toml.parent):

        def one(content: bytes) -> None:
            tried.write_bytes(content)
            mine = Counts()
            command(mine, ["evaluate", str(tried), "--clamps", "3:-5", "--json"])
            mine.found = {what: repr(_difference(toml, content)) for what in mine.found}
            nonlocal counts
            counts += mine

        drive(share, inputs, one)
    return counts


def _difference(toml: Path, content: bytes) -> str:
    """What of the toy's setup was changed, short enough to read."""
    try:
        new, old = tomllib.loads(content.decode()), tomllib.loads(toml.read_text())
    except (ValueError, RecursionError):
        return content.decode(errors="backslashreplace")
    if not isinstance(new, dict):
        return str(new)
    return str({k: new.get(k, "deleted") for k in {**old, **new} if new.get(k) != old.get(k)})
