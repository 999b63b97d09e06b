"""Processes killed while they prepare, evaluate, and write labels, notes and presets."""

import random
import shutil
import time
from pathlib import Path

from backend.engine.engine import Engine
from backend.interventions.board import board_of
from backend.interventions.clamps import Clamp
from backend.interventions.method import PAPER, Setting, setting_of
from backend.setups import load_setup
from tests.hostile.box import (
    GATED,
    KEPT,
    differing,
    figures,
    fill,
    leftovers,
    living_in,
    of_evaluation,
    write_box,
)
from tests.hostile.counts import Counts, Failed, Share, attempt
from tests.hostile.processes import Report, forked

LONGEST_S = 0.9
"""The toy is prepared in less."""


def run(box: Path, place: Path, share: Share) -> Counts:
    counts = Counts()
    home = place / "kills"
    home.mkdir()
    with living_in(home):
        toml = write_box(home, packed=True)
        fill(toml)
        want = figures(Engine(load_setup(toml)))
        shutil.copytree(home / "cache", home / "whole")
        rng, kill = random.Random(share.seed), 0
        while not share.over:
            share.spend()
            shutil.rmtree(home / "cache")
            preparing = kill % 2 == 0
            if preparing:
                shutil.copytree(home / "whole" / "labels", home / "cache" / "labels")
            else:
                shutil.copytree(home / "whole", home / "cache")
            _kill_one(counts, toml, rng, want, preparing)
            kill += 1
    return counts


def _kill_one(
    counts: Counts, toml: Path, rng: random.Random, want: dict[str, str], preparing: bool
) -> None:
    seed = rng.randrange(10**6)
    wait = rng.uniform(0.0, LONGEST_S)
    given = f"{'preparing' if preparing else 'writing'}, seed {seed}, killed after {wait:.3f} s"

    def work(report: Report) -> None:
        engine = Engine(load_setup(toml))
        report("ready")
        _write_for_ever(engine, seed, report)

    child = forked(work)
    begin = time.monotonic()
    while not preparing and not child.lines and time.monotonic() < begin + 20:
        child.read(0.02)
    child.read(wait)
    child.kill()
    for line in child.lines:
        if line.startswith("fault"):
            counts.note("tracebacks", line, given)
    engine = attempt(counts, given, lambda: Engine(load_setup(toml)))
    if isinstance(engine, Failed):
        if engine.sentence:
            counts.note("others", f"refused: {engine.sentence[:80]}", given)
        return
    if left := leftovers(toml.parent / "cache"):
        counts.note("others", "leftovers are not swept", f"{given}: {left}")
    _acknowledged(counts, engine, child.lines, given)
    now = figures(engine)
    other = [name for name in differing(want, now) if not name.startswith("own ")]
    if other:
        counts.note("others", other[0], f"{given}: {other}")


def _write_for_ever(engine: Engine, seed: int, report: Report) -> None:
    """Each write is reported once the call has returned."""
    rng, n = random.Random(seed), 0
    while True:
        n += 1
        match rng.randrange(4):
            case 0:
                feature = rng.randrange(engine.sae.d_sae)
                engine.atlas.relabel(feature, label=f"words {n}")
                report(f"label {feature} {n}")
            case 1:
                which = rng.randrange(len(KEPT))
                engine.evaluate(KEPT[which])
                engine.results.annotate(KEPT[which], note=f"{n}")
                report(f"note {which} {n}")
            case 2:
                engine.saved_presets.save(f"mine {n}", board_of([Clamp(n % 24, -float(n))]))
                report(f"preset {n}")
            case 3:
                engine.evaluate(_numbered(n))
                report(f"evaluated {n}")


def _numbered(n: int) -> Setting:
    return setting_of([(n % 24, -float(n))], GATED if n % 2 else PAPER)


def _acknowledged(counts: Counts, engine: Engine, lines: list[str], given: str) -> None:
    """All that was reported is there, or what was written over it later."""
    last: dict[tuple[str, int], int] = {}
    presets = engine.saved_presets.all(engine.sae.d_sae)
    for line in lines:
        match line.split():
            case ["label" | "note" as kind, which, n]:
                last[kind, int(which)] = int(n)
            case ["preset", n]:
                if f"mine {n}" not in presets:
                    counts.note("lost", "a preset", f"{given}: {line}")
            case ["evaluated", n]:
                setting = _numbered(int(n))
                kept = engine.finished(setting)
                if kept is None:
                    counts.note("lost", "an evaluation", f"{given}: {line}")
                    continue
                engine.results.forget(setting)
                if of_evaluation(kept) != of_evaluation(engine.evaluate(setting)):
                    counts.note("others", "a kept evaluation", f"{given}: {line}")
    for (kind, which), n in last.items():
        if kind == "label":
            found = engine.atlas.labels.own(which).label.removeprefix("words ")
        else:
            run = engine.results.read(KEPT[which])
            found = "" if run is None else run.note
        if not found.isdecimal() or int(found) < n:
            counts.note("lost", f"a {kind}", f"{given}: {kind} {which} is {found!r}, not {n}")
