"""The long part: every part in a process of its own, for its share of the time, and one table.

make hostile MINUTES=30
python -m tests.hostile --minutes 5 --only damage kills --seed 7
"""

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.hostile.box import fill, living_in, write_box
from tests.hostile.counts import WRONG, Counts, Share, say
from tests.hostile.parts import PARTS
from tests.hostile.processes import Report, forked

ASKED = {"inputs": 10_000, "damage": 500, "kills": 50}
LATE_S = 120.0
"""How long a part may go on after its time: the last input may take long."""
NO_INPUTS = ("damage", "kills", "writers", "full disk", "sessions")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    logging.basicConfig(handlers=[logging.NullHandler()])
    say(f"Seed {args.seed}, {args.minutes:g} minutes.")
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        box = Path(folder) / "box"
        box.mkdir()
        with living_in(box):
            fill(write_box(box))
        percent = sum(PARTS[name].percent for name in args.only)
        table = {}
        for name in args.only:
            seconds = args.minutes * 60 * PARTS[name].percent / percent
            table[name] = _in_a_process(name, box, seconds, args.seed)
            say(table[name].report(name))
    return _said(table)


def _in_a_process(name: str, box: Path, seconds: float, seed: int) -> Counts:
    place = box.parent / name.replace(" ", "_")
    place.mkdir()

    def work(report: Report) -> None:
        counts = PARTS[name].run(box, place, Share(10**9, seconds, seed))
        report(json.dumps(asdict(counts)))

    child = forked(work)
    counts = Counts()
    child.end(counts, name, seconds + LATE_S)
    if not counts.wrong and not child.lines:
        counts.note("tracebacks", "the process died", name)
    for line in child.lines:
        if line.startswith("{"):
            counts = Counts(**json.loads(line))
    return counts


def _said(table: dict[str, Counts]) -> int:
    """The table and its totals; 1 if anything in it is wrong."""
    total = Counts()
    say("")
    for name, counts in table.items():
        say(counts.line(name))
        total += counts
    say(total.line("in all"))
    reached = {
        "inputs": sum(c.tried for name, c in table.items() if name not in NO_INPUTS),
        **{name: table[name].tried for name in ("damage", "kills") if name in table},
    }
    for name, n in reached.items():
        if n < ASKED[name]:
            say(f"{name}: {n:,} tried of {ASKED[name]:,} asked for; give it more minutes.")
    return 1 if any(getattr(total, name) for name in WRONG) else 0


if __name__ == "__main__":
    sys.exit(main())
