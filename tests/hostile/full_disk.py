"""A disk that fills up at every moment, and one that takes nothing: figures are shown all the same.

Needs root, to mount a small tmpfs; root may write where modes forbid it, so that read-only is a
mount too.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.hostile.box import fill, living_in, write_box
from tests.hostile.counts import Counts, Share, command

PAGE = 4096
SHOWN = (
    ["evaluate", "--clamps", "2:-7", "--json"],
    ["evaluate", "--clamps", "0:-8", "--json"],
    ["controls", "--clamps", "2:-7", "--json"],
    ["dose", "2", "--multiples", "-1", "2", "--json"],
    ["sweep", "--features", "2", "3", "--n", "1", "--multiples", "-2", "--json"],
    ["search", "river", "--json"],
    ["search", "--rank", "attribution", "--json"],
    ["feature", "2", "--json"],
    ["question", "biology", "1", "--clamps", "2:-7", "--json"],
)
"""They need not be kept to be shown; only where nothing is prepared yet they may be refused."""
KEPT = (
    ["labels", "import", "labels.jsonl"],
    ["export", "--clamps", "2:-7", "--out", "cache/out.json"],
    ["report", "--clamps", "2:-7", "--out", "cache/out.html"],
)
"""They are for keeping: a sentence where that cannot be done."""
PAGES = (10, 1, 2, 3, 5, 15, 25, 50, 75, 100, 150)
"""Free ones, beside what is prepared; and the size of a disk on which all is to be prepared."""


def run(box: Path, place: Path, share: Share) -> Counts:
    counts = Counts()
    home = place / "disk"
    home.mkdir()
    if why := _cannot_mount(home):
        counts.skipped = why
        return counts
    with living_in(home):
        toml = write_box(home)
        fill(toml)
        (home / "labels.jsonl").write_text('{"index": "4", "description": "brought"}\n')
        shutil.copytree(home / "cache", home / "whole")
        want = {_name(argv): _shown(counts, toml, argv).out for argv in SHOWN}
        shutil.rmtree(home / "cache")
        (home / "cache").mkdir()
        rounds = [("prepared", 4), ("read-only", 0), ("nothing yet, read-only", 0)]
        for pages in PAGES:
            rounds += [("prepared", pages), ("nothing yet", pages)]
        while not share.over:
            for kind, pages in rounds:
                if share.over:
                    break
                _one_disk(counts, share, home, want, kind, pages)
    return counts


def _one_disk(
    counts: Counts, share: Share, home: Path, want: dict[str, str], kind: str, pages: int
) -> None:
    toml, cache = home / "toy.toml", home / "cache"
    empty = kind.startswith("nothing")
    with _mounted(cache, pages * PAGE if empty and pages else 4_000_000):
        if not empty:
            shutil.copytree(home / "whole", cache, dirs_exist_ok=True)
            if pages:
                _leave(cache, pages * PAGE)
        if "read-only" in kind:
            _run("mount", "-o", "remount,ro", str(cache))
        for argv in SHOWN:
            if share.over:
                return
            share.spend()
            given = f"{kind}, {pages} pages: {_name(argv)}"
            ran = _shown(counts, toml, argv)
            if ran.status == 0 and _figures(ran.out) != _figures(want[_name(argv)]):
                counts.note("others", f"{argv[0]} shows other figures", given)
            elif ran.status == 2 and not empty:
                counts.note("lost", f"{argv[0]} shows nothing", f"{given}: {ran.err[-300:]}")
        for argv in KEPT:
            share.spend()
            before = _labels(cache)
            ran = _shown(counts, toml, argv)
            if ran.status == 2 and _labels(cache) != before:
                counts.note("lost", "labels", f"{kind}, {pages} pages: {_name(argv)}")


def _name(argv: list[str]) -> str:
    return " ".join(argv)


def _shown(counts: Counts, toml: Path, argv: list[str]) -> Any:
    before = Path.cwd()
    os.chdir(toml.parent)
    try:
        return command(counts, [argv[0], str(toml), *argv[1:]])
    finally:
        os.chdir(before)


def _figures(out: str) -> Any:
    """What was printed, without how long it took."""

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: timeless(v) for k, v in value.items() if k != "seconds"}
        return [timeless(v) for v in value] if isinstance(value, list) else value

    try:
        return timeless(json.loads(out))
    except ValueError:
        return out


def _labels(cache: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((cache / "labels").rglob("*.jsonl"))]


def _leave(cache: Path, n_bytes: int) -> None:
    """Fill the disk but for so many bytes."""
    free = shutil.disk_usage(cache).free
    (cache / "filler").write_bytes(bytes(max(0, free - n_bytes)))


@contextmanager
def _mounted(folder: Path, size: int) -> Iterator[None]:
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
    try:
        yield
    finally:
        _run("umount", "-l", str(folder))


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def _cannot_mount(home: Path) -> str:
    if os.geteuid() != 0:
        return "only root can mount a small disk"
    (home / "probe").mkdir()
    try:
        with _mounted(home / "probe", PAGE * 16):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        return f"a small disk cannot be mounted here ({error})"
