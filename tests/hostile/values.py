"""Hostile values, traps in a folder, and what is done to a tree of JSON or TOML."""

import copy
import gzip
import json
import os
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

TEXTS = (
    "", " ", "\0", "a\0b", "\ud800", "x\udc80y", "\U0001f600", "x" * 300, "x" * 5000, "-", "--",
    "nan", "inf", "-inf", "NaN", "1e400", "-1e400", "9" * 5000, "0x10", "１２", "²", "1_000",
    "1e5", "true", "null", "[]", "{}", "![](//host/x.png)", "<img src=x onerror=y>", "=1+1", "\n",
    "a\nb", "\r", "\u2028", "\u202e", "%s%n", "{0}", "$HOME", "`id`", "; ls", "../up", "toy",
    "demo2", "None", "\ufeff", "\x1b[31m", "a.b", ".", "..", "~",
)  # fmt: skip
NUMBERS = (
    "0", "1", "2", "3", "5", "23", "24", "-1", "-0", "0.5", "0.001", "1.5", "200", "nan", "inf",
    "-inf", "1e400", "1e308", "-1e308", "1e-320", "18446744073709551616", "9223372036854775807",
    "-9223372036854775809", "99999999999", "", "abc", "０", "1_0", "9" * 5000, "\0", "--",
)  # fmt: skip
CLAMPS = (
    "", "3:-5", "0:-8,5:2", "3:nan", "3:inf", "3:1e400", "3:300001", "3:-300000", "24:1", "-1:2",
    "3:", ":3", "3", "3:1,3:2", "3:1:2", "９:1", "1_0:1_0", "3:0x10", ",,,", "3:1,", " 3 : 1 ",
    "3:\ud800", "3:\0", "9" * 5000 + ":1", "3:" + "9" * 5000, "3:-0.0", "3:1e-320",
    ",".join(f"{f}:1" for f in range(24)), ",".join(f"{f}:1" for f in range(2000)),
)  # fmt: skip
METHODS = (
    "", "rho:0.1", "rho:0.1,reach:all", "window:0.4:32", "window:0.2:1", "cusum:0.5", "cusum:1e6",
    "threshold:0.5", "refusal:7:-9", "refusal:7:-9:beside", "norm:kept",
    "threshold:0.5,cusum:0.2,reach:all,refusal:7:-9:beside,norm:kept", "rho:1", "rho:1.0000001",
    "rho:-0.1", "rho:nan", "rho:inf", "rho:1e400", "rho:-0", "rho:1e-320", "rho:", "rho",
    "rho:0.1:3", "rho:0.1,cusum:1", "rho:0.1,rho:0.1", "window:0.4", "window:0.4:0",
    "window:0.4:1025", "window:0.4:-1", "window:0.4:1.5", "window:0.4:９", "cusum:1000001",
    "threshold:-1", "threshold:300001", "threshold:0", "reach:firing", "reach:none", "refusal:24:1",
    "refusal:-1:1",
    "refusal:7", "refusal:7:nan", "refusal:7:300001", "refusal:7:1:alone", "refusal:７:1", "norm:",
    "norm:lost", "gate:rho", ",,,", " rho : 0.1 ", "rho:\ud800", "rho:\0", "rho:0.1\nreach:all",
    "rho:" + "9" * 5000, "window:0.4:" + "9" * 5000, "refusal:" + "9" * 5000 + ":1", "<b>:1",
    "threshold:0.5," * 40,
)  # fmt: skip
DEEP = "[" * 100_000
PLAIN: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 24, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 0.0, -0.0,
    0.5, 1e308, float("nan"), float("inf"), [], {}, [[]], [None], {"a": 1}, [1, 2, 3, 4],
    ["a", "b", "c", "d"], "A", "forget", "retain",
)  # fmt: skip

# A path made of it stays where it is used.
words = st.text(max_size=40).map(lambda text: text.replace("/", "∕"))
texts = st.one_of(st.sampled_from(TEXTS), words)
values = st.one_of(st.sampled_from(PLAIN), texts, st.integers(), st.floats())


def traps(folder: Path) -> list[str]:
    """Paths that are not what they should be, made in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "empty": b"",
        "binary.toml": bytes(range(256)) * 20,
        "zeros.json": bytes(4096),
        "deep.json": DEEP.encode(),
        "deep.toml": b"a = " + DEEP.encode(),
        "dots.toml": b".".join([b"a"] * 3000) + b" = 1",
        "halves.json": b'"\\ud800"',
        "utf16.json": "{}".encode("utf-16"),
        "cut.gz": gzip.compress(b"x" * 10_000)[:40],
        "lines.gz": gzip.compress(b"\n" * 10_000_000) * 60,
        "digits.toml": b"half_seed = " + b"9" * 5000,
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    (folder / "folder.toml").mkdir(exist_ok=True)
    for name in ("fifo", "fifo.toml"):
        if not (folder / name).exists():
            os.mkfifo(folder / name)
    for name, to in (
        ("loop.toml", "loop.toml"),
        ("dangling", "nowhere"),
        ("null.toml", "/dev/null"),
    ):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(to)
    special = ["/dev/zero", "/dev/urandom", "/dev/null", "/dev/full", "/proc/self/mem", "/", "."]
    special += ["x" * 300, "x" * 300 + ".toml", "a\0b.toml", "\udcff.toml", "no/such/file.toml"]
    return [*special, *(str(path) for path in sorted(folder.iterdir()))]


def paths_in(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a tree, the whole first."""
    found = [path]
    if isinstance(tree, dict | list):
        steps = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for step, below in steps:
            found += paths_in(below, (*path, step))
    return found


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def changed(
    tree: Any, pool: st.SearchStrategy[Any], keys: tuple[str, ...]
) -> st.SearchStrategy[Any]:
    """The tree after one to three changes: a value of the pool, a deletion, a copy, a key more."""

    @st.composite
    def tried(draw: st.DrawFn) -> Any:
        return _changed(draw, copy.deepcopy(tree), pool, keys)

    return tried()


def _changed(
    draw: st.DrawFn, tree: Any, pool: st.SearchStrategy[Any], keys: tuple[str, ...]
) -> Any:
    for _ in range(draw(st.integers(1, 3))):
        places = [path for path in paths_in(tree) if path]
        if not places:
            break
        # Leaves of long lists would be drawn nearly always otherwise.
        depth = draw(st.integers(1, max(map(len, places))))
        path = draw(st.sampled_from([p for p in places if len(p) <= depth]))
        parent, step = at(tree, path[:-1]), path[-1]
        match draw(st.sampled_from(("value", "value", "value", "delete", "copy", "add", "near"))):
            case "value":
                parent[step] = copy.deepcopy(draw(pool))  # the pool's own stay as they are
            case "delete":
                del parent[step]
            case "copy" if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[step]))
            case "copy":
                other = draw(st.sampled_from(places))
                parent[step] = copy.deepcopy(at(tree, other))
            case "add" if isinstance(parent[step], dict):
                parent[step][draw(st.sampled_from(keys))] = copy.deepcopy(draw(pool))
            case "add":
                tree[draw(st.sampled_from(keys))] = copy.deepcopy(draw(pool))
            case "near":
                parent[step] = _near(parent[step])
    return tree


def _near(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 1.5 + 0.5
    if isinstance(value, str):
        return value[:-1] if value else "x"
    if isinstance(value, list):
        return value[::-1] if value[::-1] != value else [*value, *value]
    if isinstance(value, dict):
        return dict(list(value.items())[:-1])
    return "x"


def scratched(content: bytes) -> st.SearchStrategy[bytes]:
    """The bytes after one to three changes below any grammar."""

    @st.composite
    def tried(draw: st.DrawFn) -> bytes:
        return _scratched(draw, bytearray(content))

    return tried()


def _scratched(draw: st.DrawFn, out: bytearray) -> bytes:
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(out) - 1)))
        match draw(st.sampled_from(("flip", "cut", "put", "twice", "zero", "front"))):
            case "flip" if out:
                out[place] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del out[place:]
            case "put":
                out[place:place] = draw(st.sampled_from(BITS))
            case "twice":
                out += out[: 1 << 20]
            case "zero":
                out[place : place + 64] = bytes(len(out[place : place + 64]))
            case "front":
                del out[:place]
    return bytes(out)


BITS = (
    b"\0", b"\xff", b"\xed\xa0\x80", b"\r", b"\n", b"[" * 5000, b'{"a":' * 5000, b"9" * 6000, b'"',
    b"\\ud800", b"\\", b"#", b"=", b"Infinity", b"NaN", b"-", b"1e999", b"\xef\xbb\xbf", b"\t",
)  # fmt: skip


def json_bytes(value: Any) -> bytes:
    """JSON with all that Python's own adds to it, half characters as bytes."""
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return json.dumps(str(value)[:100]).encode()


def toml_text(table: dict[str, Any]) -> str:
    """A TOML document of plain values, tables inline."""
    return "".join(f"{_key(key)} = {_toml(value)}\n" for key, value in table.items())


def _key(key: object) -> str:
    text = str(key)
    bare = text.isascii() and text.replace("_", "a").replace("-", "a").isalnum()
    return text if bare else json.dumps(text)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "1979-05-27"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    try:
        return str(value)
    except ValueError:  # an integer of too many digits to print
        return "9" * 5000
