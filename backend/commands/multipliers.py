"""Sliders moved by gradient."""

import argparse
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backend.commands.choosing import add_ending, ending, ending_in_words, report_on
from backend.commands.setting import add_setting, calibrated, engine_and_setting, method_of
from backend.commands.terminal import (
    AddCommand,
    ProgressLine,
    finite,
    multiple,
    number,
    open_engine,
    say,
    whole_number,
)
from backend.errors import BadInput
from backend.setups import Setup
from backend.wording import ascii_signed

if TYPE_CHECKING:
    from backend.engine.engine import Engine
    from backend.interventions.method import Setting
    from backend.tuning.multipliers import Moved


def add(command: AddCommand) -> None:
    sub = command(
        "tune",
        tune,
        "move sliders, and a gate's tau, down the gradient of what is forgotten and what it costs "
        "on the selection half; report the held-out half",
    )
    which = add_setting(sub)
    which.add_argument(
        "--ranker",
        metavar="NAME",
        help="the first features of a ranking of the Search page, such as selectivity",
    )
    group = sub.add_argument_group("how")
    group.add_argument(
        "--n", type=whole_number(1, 200), default=100, help="how many of them (default 100)"
    )
    group.add_argument(
        "--multiple",
        type=multiple,
        default=-3.0,
        help="where they begin, in multiples of their maxima (default -3)",
    )
    group.add_argument(
        "--retain-weight",
        type=number(0, 1000),
        metavar="POINTS",
        help="points of forgetting that a point of retain is worth (default 1)",
    )
    group.add_argument(
        "--rate",
        type=number(1e-4, 10),
        help="about how many multiples a slider moves in a step (default 0.5)",
    )
    group.add_argument("--steps", type=whole_number(1, 200), help="at most (default 12)")
    group.add_argument(
        "--patience",
        type=whole_number(1, 200),
        help="stop when so many steps brought nothing on the last third (default 4)",
    )
    group.add_argument("--keep-tau", action="store_true", help="leave a gate's tau where it is")
    add_ending(sub)


def tune(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.tuning.multipliers import BEGAN, Aim, Tuner, in_words

    given = {
        name: getattr(args, name)
        for name in ("retain_weight", "rate", "steps", "patience")
        if getattr(args, name) is not None
    }
    aim = Aim(**given, move_tau=not args.keep_tau)
    engine, setting = _begin(setup, args)
    tuner = Tuner(engine, setting, aim, resume=args.resume)
    if args.resume and not tuner.n_known:
        raise BadInput(
            "There is no such tuning to go on with: run it without --resume, or give what it was "
            "begun with."
        )
    line, end = ProgressLine(), time.monotonic() + 60 * (args.minutes or float("inf"))
    while not tuner.done and (time.monotonic() < end or not tuner.moves):
        moved = tuner.step(line)
        say(line_of(moved))
    best = tuner.best
    assert best is not None
    how, looked = in_words(best, aim), "" if args.ranker else BEGAN
    found = report_on(engine, best.setting, how, len(tuner.moves), looked, line)
    value = {
        "setup": setup.name,
        "aim": asdict(aim),
        "stopped": not tuner.done,
        "dtype": engine.dtype,
        "steps": [plain_move(moved) for moved in tuner.moves],
        "best": best.step,
        **ending(engine, found, args.save),
    }
    text = [f"Step {best.step} is the best.", *ending_in_words(found, 0.0, not tuner.done)]
    return finite(value), "\n".join(text)


def _begin(setup: Setup, args: argparse.Namespace) -> tuple["Engine", "Setting"]:
    from backend.features.rankers import RANKERS
    from backend.interventions.clamps import clamp_set, value_of
    from backend.interventions.method import PAPER
    from backend.reading.ranked import ranked

    if args.ranker is None:
        return engine_and_setting(setup, args)
    if args.ranker not in RANKERS:
        raise BadInput(f"There is no ranking '{args.ranker}'. Use one of: {', '.join(RANKERS)}.")
    method, engine = method_of(args, PAPER), open_engine(setup)
    features = ranked(engine, args.ranker, args.n, on_progress=ProgressLine())
    clamps = clamp_set(
        (f, value_of(args.multiple, engine.atlas.summary(f)["max_act"])) for f in features
    )
    return engine, calibrated(engine, clamps, method, args)


def line_of(moved: "Moved") -> str:
    gate = moved.setting.method.gate
    tau = "" if gate is None else f"  tau {gate.tau:.4g}"
    return (
        f"step {moved.step:>3}  selection half: forget "
        f"{ascii_signed(moved.half.forget.change_pp)} pp, retain "
        f"{ascii_signed(moved.half.retain.change_pp)} pp  last third: loss "
        f"{moved.stop_loss:.4f}{tau}"
    )


def plain_move(moved: "Moved") -> dict[str, Any]:
    from backend.interventions.clamps import format_clamps
    from backend.interventions.method import format_method

    return {
        "step": moved.step,
        "clamps": format_clamps(moved.setting.clamps),
        "method": format_method(moved.setting.method),
        "selection": moved.half.plain(),
        "last_third": moved.stop.plain(),
        "loss": moved.stop_loss,
    }
