"""Whole settings, searched."""

import argparse
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backend.commands.choosing import (
    OutOfTime,
    Watch,
    add_cost,
    add_ending,
    ending,
    ending_in_words,
    report_on,
    table,
)
from backend.commands.terminal import AddCommand, ProgressLine, finite, open_engine, whole_number
from backend.errors import BadInput
from backend.progress import Pace
from backend.setups import Setup

if TYPE_CHECKING:
    from backend.tuning.search import Search, Tried
    from backend.tuning.space import Space


def add(command: AddCommand) -> None:
    sub = command(
        "optimise",
        optimise,
        "search whole settings on the selection half, with Optuna: ranking, number of features, "
        "strengths, gate; report the held-out half",
    )
    sub.add_argument(
        "--settings",
        type=whole_number(1, 1000),
        default=60,
        help="how many to try, with --resume those tried before counted (default 60)",
    )
    sub.add_argument(
        "--rankers",
        nargs="+",
        metavar="NAME",
        help="rankings that features are taken from; all of the Search page's unless given",
    )
    sub.add_argument(
        "--gates",
        nargs="+",
        choices=("none", "rho", "window", "cusum"),
        help="gates to try; all four unless given",
    )
    sub.add_argument(
        "--own",
        type=whole_number(0, 4),
        default=4,
        metavar="N",
        help="begin with so many of the settings you tried, the best on the selection half "
        "(default 4)",
    )
    sub.add_argument(
        "--seed", type=whole_number(0, 10**9), default=0, help="of the proposals (default 0)"
    )
    sub.add_argument(
        "--half",
        choices=("selection", "all"),
        default="selection",
        help="the questions to choose on; of all questions none is left to report on "
        "(default selection)",
    )
    add_cost(sub)
    add_ending(sub)


def optimise(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments.halves import best
    from backend.tuning.search import Search, front, own_settings

    space = _space(args)
    engine, line = open_engine(setup), ProgressLine()
    own = own_settings(engine, args.cost, args.own) if args.own else []
    search = Search.open(engine, space, own, args.resume, line)
    if args.resume and not search.tried:
        raise BadInput(
            "There is no such search to go on with: run it without --resume, or give what it was "
            "begun with."
        )
    stopped = _search(search, args, line)
    tried, chosen, found = search.tried, best(search.tried, args.cost), None
    if chosen is not None:
        how = f"searched: {chosen.words}"
        found = report_on(engine, chosen.setting, how, len(tried), search.looked, line, space.on)
    on_front = front(tried)
    value = {
        "setup": setup.name,
        "dtype": engine.dtype,
        "space": asdict(space),
        "stopped": stopped,
        "tried": [_plain_tried(one) for one in tried],
        "front": [one.number for one in on_front],
        "chosen": None if chosen is None else chosen.number,
        **ending(engine, found, args.save),
    }
    text = [
        f"{len(tried)} settings tried. Those that no other beats:",
        *table("setting", [(f"{one.number}: {one.words}", one) for one in on_front]),
        *ending_in_words(found, args.cost, stopped),
    ]
    return finite(value), "\n".join(text)


def _space(args: argparse.Namespace) -> "Space":
    from backend.tuning.space import Space

    given: dict[str, Any] = {"cost_pp": args.cost, "seed": args.seed, "on": args.half}
    if args.rankers is not None:
        given["rankers"] = tuple(dict.fromkeys(args.rankers))
    if args.gates is not None:
        gates = dict.fromkeys(args.gates)
        given["gates"] = tuple(None if gate == "none" else gate for gate in gates)
    return Space(**given)


def _search(search: "Search", args: argparse.Namespace, line: ProgressLine) -> bool:
    """Whether it was stopped by --minutes; the first setting always runs to its end."""
    watch, n_before = Watch(args.minutes, line), len(search.tried)
    pace = Pace("Trying settings", args.settings, line)
    pace.skip(n_before)
    watch.share = 1.0 if n_before else math.inf
    try:
        for _ in search.run(args.settings - n_before, watch.on_partial, watch.on_wait):
            pace.advance(1)
            watch.share = 1.0
            watch.look()
    except OutOfTime:
        return len(search.tried) < args.settings
    return False


def _plain_tried(one: "Tried") -> dict[str, Any]:
    from backend.interventions.clamps import format_clamps
    from backend.interventions.method import format_method

    return {
        "number": one.number,
        "words": one.words,
        "clamps": format_clamps(one.setting.clamps),
        "method": format_method(one.setting.method),
        "figures": one.half.plain(),
    }
