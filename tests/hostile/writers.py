"""Two processes on one cache: what each writes is kept, what one made the other uses."""

import multiprocessing
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from backend.engine.engine import Engine
from backend.features.labels import Labels
from backend.interventions.method import PAPER, Setting, setting_of
from backend.setups import load_setup
from tests.hostile.box import GATED, figures, leftovers, living_in, write_box
from tests.hostile.counts import Counts, Share
from tests.hostile.processes import Child, Report, forked

WRITES = 200
"""Of each process, in a round."""
END_S = 60.0


def run(box: Path, place: Path, share: Share) -> Counts:
    counts = Counts()
    n = 0
    while not share.over:
        writes = min(WRITES, share.most)
        for _ in range(writes):
            share.spend()
        home = place / f"writers {n}"
        home.mkdir()
        with living_in(home):
            toml = write_box(home, packed=True)
            _preparing(counts, toml)
            _notes(counts, toml, writes)
            _labels(counts, home / "cache" / "labels" / "shared", writes)
        shutil.rmtree(home)
        n += 1
    return counts


def _both(counts: Counts, given: str, *works: Callable[[Report], None]) -> list[Child]:
    """At once."""
    gate = multiprocessing.get_context("fork").Barrier(len(works))

    def behind_the_gate(work: Callable[[Report], None]) -> Callable[[Report], None]:
        def begin(report: Report) -> None:
            gate.wait(END_S)
            work(report)

        return begin

    children = [forked(behind_the_gate(work)) for work in works]
    for child in children:
        child.end(counts, given, END_S)
    return children


def _labels(counts: Counts, folder: Path, writes: int) -> None:
    given = f"two processes write {writes} labels each"

    def writer(first: int) -> Callable[[Report], None]:
        def work(_: Report) -> None:
            labels = Labels(folder, {}, 2 * writes)
            for feature in range(first, 2 * writes, 2):
                labels.set(feature, label=f"words {feature}")

        return work

    _both(counts, given, writer(0), writer(1))
    counts.tried += 2 * writes
    kept = Labels(folder, {}, 2 * writes)
    for feature in range(2 * writes):
        if kept.own(feature).label != f"words {feature}":
            counts.note("lost", "a label", given)


def _notes(counts: Counts, toml: Path, writes: int) -> None:
    """A note and an expectation of the same run, at once."""
    given = f"a note and an expectation at once, {writes} times"
    began = time.time() - 1
    engine = Engine(load_setup(toml))
    settings: list[Setting] = [
        setting_of([(n % 24, -1.0 - n)], GATED if n % 2 else PAPER) for n in range(writes)
    ]
    for setting in settings:
        engine.evaluate(setting)
    together = multiprocessing.get_context("fork").Barrier(2)

    def note(_: Report) -> None:
        for setting in settings:
            together.wait(END_S)
            engine.results.annotate(setting, note="a note")

    def expect(_: Report) -> None:
        for setting in settings:
            together.wait(END_S)
            engine.results.remember(setting, {"clamps": "1:1"}, "expected", began)

    _both(counts, given, note, expect)
    counts.tried += 2 * writes
    for setting in settings:
        run = engine.results.read(setting)
        if run is None or run.note != "a note":
            counts.note("lost", "a note", given)
        if run is None or run.hypothesis != "expected":
            counts.note("lost", "an expectation", given)


def _preparing(counts: Counts, toml: Path) -> None:
    """The converted model and the recordings, made by whoever comes first."""
    given = "two processes convert and prepare at once"

    def work(report: Report) -> None:
        engine = Engine(load_setup(toml))
        stamps = {p.name: p.stat().st_ino for p in engine.folder.glob("*.safetensors")}
        report(f"files {sorted(stamps.items())}")
        report(f"figures {figures(engine)!r}")

    counts.tried += 2
    one, other = _both(counts, given, work, work)
    if len(one.lines) != 2 or len(other.lines) != 2:
        counts.note("others", "one did not finish", given)
        return
    if one.lines[0] != other.lines[0]:
        counts.note("others", "the second did not use what the first made", given)
    if one.lines[1] != other.lines[1]:
        counts.note("others", "they come to other figures", given)
    if left := leftovers(toml.parent / "cache"):
        counts.note("others", "leftovers", f"{given}: {left}")
