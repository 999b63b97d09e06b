"""Every file of a prepared cache damaged in every way, and all figures compared bit for bit."""

import itertools
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.hostile.box import differing, fill, living_in, opened_figures, write_box
from tests.hostile.counts import Counts, Failed, Share, attempt

USERS = ("/labels/", "/presets/")
KINDS = ("flip", "cut", "empty", "zero", "exchange", "delete")


def run(box: Path, place: Path, share: Share) -> Counts:
    counts = Counts()
    home = place / "damage"
    home.mkdir()
    cache, whole = home / "cache", home / "whole"
    with living_in(home):
        toml = write_box(home, packed=True)
        fill(toml)
        want = opened_figures(toml)
        if want != opened_figures(toml):
            counts.note("others", "an undamaged cache gives other figures", "nothing changed")
        shutil.copytree(cache, whole)
        files = sorted(p.relative_to(cache) for p in cache.rglob("*") if p.is_file())
        notes = _with_notes(cache, files)
        gone: dict[frozenset[Path], dict[str, str]] = {}

        def restored() -> None:
            shutil.rmtree(cache)
            shutil.copytree(whole, cache)

        def without(users: frozenset[Path]) -> dict[str, str]:
            """The figures where these files of the user's are not there at all."""
            if users not in gone:
                restored()
                for file in users:
                    (cache / file).unlink()
                gone[users] = opened_figures(toml)
            return gone[users]

        rng = random.Random(share.seed)
        plan = list(itertools.product(files, KINDS))
        while not share.over:
            rng.shuffle(plan)
            for file, kind in plan:
                if share.over:
                    break
                restored()
                damaged = _damage(cache, file, kind, files, rng)
                if not damaged:
                    continue
                share.spend()
                users = frozenset(f for f in damaged if _users(f) or f in notes)
                held = {f: (cache / f).read_bytes() for f in users if (cache / f).exists()}
                given = f"{kind} {', '.join(map(str, damaged))}"
                came = attempt(counts, given, lambda: opened_figures(toml))
                if isinstance(came, Failed):
                    if came.sentence:
                        counts.note("others", f"refused: {came.sentence[:80]}", given)
                    continue
                _lost(counts, cache, held, given)
                if differing(want, came):
                    other = [
                        name
                        for name in differing(want, came)
                        if not users
                        or not name.startswith("own ")
                        or came[name] != without(users)[name]
                    ]
                    if other:
                        form = f"{kind} of *{damaged[0].suffix} in {damaged[0].parent.name}"
                        counts.note("others", f"{form}: {other[0]}", f"{given}: {other}")
    return counts


def _users(file: Path) -> bool:
    return any(name in f"/{file.as_posix()}" for name in USERS)


def _with_notes(cache: Path, files: list[Path]) -> frozenset[Path]:
    """Results that carry what the user wrote."""
    return frozenset(
        f for f in files if f.suffix == ".json" and b'"note ' in (cache / f).read_bytes()
    )


def _damage(
    cache: Path, file: Path, kind: str, files: list[Path], rng: random.Random
) -> list[Path]:
    """The files that are not what they were; none where this kind changes nothing."""
    path = cache / file
    content = path.read_bytes()
    half = len(content) // 2
    changes: dict[str, Callable[[], bytes]] = {
        "flip": lambda: _flipped(content, rng),
        "cut": lambda: content[: rng.randrange(len(content))],
        "empty": lambda: b"",
        "zero": lambda: content[:half] + bytes(len(content) - half),
    }
    if kind == "delete":
        path.unlink()
        return [file]
    if kind == "exchange":
        near = [f for f in files if f != file and f.suffix == file.suffix]
        near = [f for f in near if f.parent == file.parent] or near
        near = [f for f in near if (cache / f).read_bytes() != content]
        if not near:
            return []
        other = rng.choice(near)
        path.write_bytes((cache / other).read_bytes())
        (cache / other).write_bytes(content)
        return [file, other]
    if not content:
        return []
    new = changes[kind]()
    path.write_bytes(new)
    return [file] if new != content else []


def _flipped(content: bytes, rng: random.Random) -> bytes:
    out = bytearray(content)
    out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _lost(counts: Counts, cache: Path, held: dict[Path, bytes], given: str) -> None:
    """What was in a user's file must lie in it, or beside it under another name."""
    for file, content in held.items():
        beside = [p for p in (cache / file).parent.iterdir() if p.is_file()]
        if not any(p.read_bytes() == content for p in beside):
            counts.note("lost", f"{file.parent.name}/*{file.suffix}", given)
