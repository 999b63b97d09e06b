"""Exported files with other claims: none of them may be called the same."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from components.clamping.open import read_file
from tests.hostile.box import copied, engines_kept, living_in
from tests.hostile.counts import Counts, Share, attempt, command, sentence
from tests.hostile.fuzz import drive
from tests.hostile.values import METHODS, changed, json_bytes, scratched, traps, values

FREE = ("made", "name", "note", "star", "hypothesis", "libraries", "half", "features")
"""What a file says besides its figures: words, and which questions were looked at."""
FREE_OF_SETUP = ("title", "model", "sae", "hook")
FIELDS = (
    "kind",
    "format",
    "setup",
    "identity",
    "clamps",
    "board",
    "method",
    "gate",
    "half",
    "sets",
    "questions",
    "x",
)
BY: tuple[tuple[str, ...], ...] = (
    (),
    ("--gate", "rho", "--tau", "0.65", "--reach", "all", "--refusal", "7:-9", "--beside"),
)
"""The paper's method, and one with a gate."""
NEAR = 0.01
"""Numbers closer than this may be rounding."""


def run(box: Path, place: Path, share: Share) -> Counts:
    counts = Counts()
    toml = copied(box, place / "run_files")
    with living_in(toml.parent), engines_kept() as kept:
        wholes: list[dict[str, Any]] = []
        pool = st.one_of(
            values,
            st.sampled_from(METHODS),
            st.sampled_from(traps(place / "traps")),
            st.just("toy.toml"),
        )
        inputs = st.nothing()
        for method in BY:
            exported = toml.with_name("run.json")
            given = ["--clamps", "0:-8,5:0", *method, "--out", str(exported)]
            if command(counts, ["export", str(toml), *given]).status != 0:
                return counts
            whole = json.loads(exported.read_text())
            wholes.append(whole)
            trees = st.one_of(changed(whole, pool, FIELDS), _claims(whole)).map(json_bytes)
            inputs |= st.one_of(trees, trees, trees, scratched(exported.read_bytes()))
            same = command(counts, ["evaluate", str(toml), "--from", str(exported)])
            if same.status != 0:
                counts.note("others", "an unchanged file is not the same", same.out + same.err)
        tried = toml.with_name("tried.json")

        def one(content: bytes) -> None:
            tried.write_bytes(content)
            ran = command(counts, ["evaluate", str(toml), "--from", str(tried)])
            if ran.status == -1:
                kept.clear()
            if ran.status == 0 and (claim := _changed_claim(wholes, content)):
                counts.note("others", f"called the same: {_kind(claim)}", claim)
            answer = attempt(counts, content, lambda: read_file(content, 24))
            if isinstance(answer, Exception):
                sentence(counts, content, str(answer))

        drive(share, inputs, one)
    return counts


def _claims(whole: dict[str, Any]) -> st.SearchStrategy[Any]:
    """One number or word of one question, headline, hash or method, and nothing else."""

    @st.composite
    def tried(draw: st.DrawFn) -> Any:
        return _other_claim(draw, json.loads(json.dumps(whole)))

    return tried()


def _other_claim(draw: st.DrawFn, tree: dict[str, Any]) -> Any:
    what = draw(st.sampled_from(("headline", "question", "identity", "sets", "role", "method")))
    entry = draw(st.sampled_from(tree["sets"]))
    match what:
        case "headline":
            numbers = [k for k, v in entry.items() if type(v) in (int, float, bool)]
            name = draw(st.sampled_from(numbers))
            entry[name] = (
                not entry[name]
                if isinstance(entry[name], bool)
                else entry[name] + draw(st.sampled_from((1, -1, 5)))
            )
        case "question":
            question = draw(st.sampled_from(entry["questions"]))
            name = draw(st.sampled_from(sorted(question)))
            value = question[name]
            if isinstance(value, dict):  # what the gate made of it
                question, name = value, draw(st.sampled_from(sorted(value)))
                value = question[name]
            if isinstance(value, bool):
                question[name] = not value
            elif isinstance(value, list) and value:
                question[name] = [value[-1] + 1 if type(value[-1]) in (int, float) else "x"]
                question[name] = value[:-1] + question[name]
            elif type(value) in (int, float):
                question[name] = value + 1
            else:
                question[name] = "x" if value != "x" else "y"
        case "identity":
            name = draw(st.sampled_from(sorted(tree["identity"])))
            if draw(st.booleans()):
                tree["identity"][name] = draw(st.sampled_from(("", "0" * 64, "bfloat16 on cpu")))
            else:
                del tree["identity"][name]
        case "sets":
            sets = tree["sets"]
            tree["sets"] = draw(
                st.sampled_from(([], sets[:1], sets[1:], sets * 3, sets[::-1], [*sets, sets[0]]))
            )
        case "method":
            method = draw(st.sampled_from(METHODS))
            for place in (tree, tree["board"]):
                if draw(st.integers(0, 3)):
                    place["method"] = method
        case "role":
            entry["role"] = "retain" if entry["role"] == "forget" else "forget"
    return tree


def _changed_claim(wholes: list[dict[str, Any]], content: bytes) -> str:
    """Where the file claims something else than the whole one of its method, and what; empty if
    nowhere.
    """
    new = json.loads(content.decode("utf-8-sig"))
    whole = next((w for w in wholes if w.get("method") == new.get("method")), wholes[0])
    if (by := _difference(whole.get("method", ""), new.get("method", ""), "method")) != "":
        return by
    for name in {**whole, **new}:
        if name in FREE:
            continue
        if name == "setup":
            kept = [
                {k: v for k, v in side["setup"].items() if k not in FREE_OF_SETUP} | {"name": ""}
                for side in (whole, new)
            ]
            difference = _difference(*kept, "setup")
        elif name not in whole:
            continue  # a field more claims nothing that is known
        else:
            difference = _difference(whole[name], new.get(name), name)
        if difference:
            return difference
    return ""


def _difference(a: Any, b: Any, where: str) -> str:
    if isinstance(a, dict) and isinstance(b, dict):
        pairs = (
            (_difference(a[k], b.get(k), f"{where}.{k}")) for k in a if k not in ("title", "why")
        )
        return next(filter(None, pairs), "")
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return f"{where}: {len(a)} -> {len(b)} entries"
        if where == "sets":  # in any order
            key = lambda s: str(s.get("name")) if isinstance(s, dict) else ""  # noqa: E731
            a, b = sorted(a, key=key), sorted(b, key=key)
        pairs = (
            _difference(x, y, f"{where}[{i}]") for i, (x, y) in enumerate(zip(a, b, strict=True))
        )
        return next(filter(None, pairs), "")
    numbers = all(type(x) in (int, float) for x in (a, b))
    same = abs(a - b) <= NEAR if numbers else a == b and type(a) is type(b)
    return "" if same else f"{where}: {a!r} -> {b!r}"


def _kind(claim: str) -> str:
    """Without numbers, so that the same gap is listed once."""
    name = claim.partition(":")[0]
    return "".join(c for c in name if not c.isdigit())
