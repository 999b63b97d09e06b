"""What is tried beside one setting: a gate, strengths, a grid, the controls."""

import argparse
from collections.abc import Mapping
from typing import Any

from backend.commands.evaluating import line_of_light
from backend.commands.setting import (
    add_method,
    add_setting,
    calibrated,
    engine_and_setting,
    method_of,
    said_of,
)
from backend.commands.terminal import (
    AddCommand,
    ProgressLine,
    count,
    feature_number,
    finite,
    multiple,
    open_engine,
)
from backend.errors import BadInput
from backend.progress import Progress
from backend.setups import Setup
from backend.wording import ascii_signed, percent, points


def add(command: AddCommand) -> None:
    sub = command(
        "gate",
        gate,
        "which questions a gate opens, before anything is run",
    )
    add_setting(sub)
    sub.add_argument(
        "--half", choices=("selection", "held-out"), help="counts over one half of each set"
    )
    sub.add_argument(
        "--dilute",
        action="store_true",
        help="ask it again about a sample with 400 tokens of other text before each question",
    )
    sub = command(
        "dose",
        dose,
        "what one feature's clamp does at each of a row of strengths; goes on where it was stopped",
    )
    sub.add_argument("feature", type=feature_number, metavar="FEATURE")
    sub.add_argument(
        "--multiples",
        type=multiple,
        nargs="+",
        help="of its maximum activation, such as -5 -2 0 1; the feature page's unless given",
    )
    add_method(sub)
    sub = command(
        "sweep",
        sweep,
        "a grid of settings: how many features, clamped how far; goes on where it was stopped",
    )
    which = sub.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--features", type=feature_number, nargs="+", help="in the order they are taken in"
    )
    which.add_argument(
        "--preset", help="the features of a preset, those that fire on most forget questions first"
    )
    sub.add_argument(
        "--n",
        type=count,
        nargs="+",
        default=[10, 20, 50],
        help="how many of them (default 10 20 50)",
    )
    sub.add_argument(
        "--multiples",
        type=multiple,
        nargs="+",
        default=[-2.0, -4.0, -8.0],
        help="of each feature's maximum activation (default -2 -4 -8)",
    )
    add_method(sub)
    sub.add_argument(
        "--half", choices=("selection", "held-out"), help="figures over one half of each set"
    )
    sub = command(
        "controls",
        controls,
        "the same push elsewhere: random features, other directions, ablation; goes on where it was"
        " stopped",
    )
    add_setting(sub)
    sub.add_argument(
        "--half", choices=("selection", "held-out"), help="figures over one half of each set"
    )


def gate(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from dataclasses import asdict

    from backend.evaluation.answers import gate_figures, gate_line
    from backend.evaluation.lights import opened_by
    from backend.experiments.dilution import dilute

    engine, setting = engine_and_setting(setup, args)
    opened = engine.opening(setting)
    if opened is None:
        raise BadInput("There is no gate to look at. Give clamps, and --gate or a preset with one.")
    only = engine.half(args.half) if args.half else None
    figures, light = gate_figures(engine.sets, opened, only), opened_by(engine.recording, opened)
    value = {
        **said_of(engine, setting),
        "half": args.half or "all",
        "gate": figures,
        "light": light._asdict(),
    }
    lines = [
        f"{s['role']:>7}  {s['name']:<16} n {s['n']:>5}  open {s['open']:>5}"
        for s in figures["sets"]
    ]
    lines += [gate_line(figures), line_of_light(light)]
    if args.dilute:
        found = dilute(engine, setting, on_progress=ProgressLine())
        value["dilution"] = asdict(found)
        lines.append(found.in_words())
    return finite(value), "\n".join(lines)


def dose(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments.dose import MULTIPLES, dose_curve, plain
    from backend.interventions.clamps import Clamp
    from backend.interventions.method import PAPER, format_method

    method = method_of(args, PAPER)
    engine = open_engine(setup)
    if args.false_alarms is not None:
        # Which tokens a feature fires at does not depend on what it is clamped to.
        method = calibrated(engine, (Clamp(args.feature, 0.0),), method, args).method
    multiples, line = args.multiples or MULTIPLES, ProgressLine()
    points = []
    for point in dose_curve(engine, args.feature, multiples, method=method):
        points.append(plain(point))
        line(Progress("Evaluating the strengths", len(points), len(multiples), None))
    points.sort(key=lambda point: point["multiple"])
    about = engine.atlas.summary(args.feature)
    value = {
        "setup": setup.name,
        "feature": args.feature,
        "label": about["label"],
        "max_act": about["max_act"],
        "method": format_method(method),
        "dtype": engine.dtype,
        "points": points,
    }
    lines = [
        f"{p['multiple']:+8.2f}x {p['value']:>10.2f}  "
        + "  ".join(
            f"{role} {percent(p[role]['accuracy']):>7} ({_points(p[role])}, n {p[role]['n']})"
            for role in ("forget", "retain")
        )
        for p in points
    ]
    return value, "\n".join(
        [f"feature {args.feature}, maximum activation {about['max_act']:.1f}", *lines]
    )


def sweep(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments.sweep import grid, plain, run_sweep
    from backend.interventions.method import PAPER

    method = PAPER if args.preset else method_of(args, PAPER)
    engine, line = open_engine(setup), ProgressLine()
    features = args.features
    if args.preset is not None:
        preset = engine.preset(args.preset)
        features = sorted(preset.features, key=lambda f: -engine.atlas.about(f)["fires_forget"])
        method = method_of(args, preset.method)
    settings = grid(
        features, lambda f: engine.atlas.summary(f)["max_act"], args.n, args.multiples, method
    )
    if args.false_alarms is not None:
        settings = {
            calibrated(engine, setting.clamps, setting.method, args): place
            for setting, place in settings.items()
        }
    points = []
    for point in run_sweep(engine, settings, engine.half(args.half) if args.half else None):
        points.append(point)
        line(Progress("Evaluating the settings", len(points), len(settings), None))
    points.sort(key=lambda point: (point.n, -point.multiple))
    lines = [
        f"{p.n:>5} {p.multiple:+8.2f}x  "
        + "  ".join(
            f"{role} {percent(r.accuracy):>7} ({_points(r.figures())}, n {r.n})"
            for role, r in (("forget", p.forget), ("retain", p.retain))
        )
        for p in points
    ]
    value = {
        "setup": setup.name,
        "features": features,
        "half": args.half or "all",
        "dtype": engine.dtype,
        "points": [plain(p) for p in points],
    }
    return value, "\n".join(["    n  strength", *lines])


def controls(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments.controls import controls_of, run_controls
    from backend.experiments.effects import compared, control_effect, own_effect

    engine, setting = engine_and_setting(setup, args)
    if not setting:
        raise BadInput("No clamp is given: there is nothing to hold controls against.")
    line, only = ProgressLine(), engine.half(args.half) if args.half else None

    def seen(result: Any) -> Any:
        return engine.restrict(result, only)

    own, others = own_effect(seen(engine.evaluate(setting))), []
    n = len(controls_of(engine, setting))
    for control, result in run_controls(engine, setting):
        others.append(control_effect(control, seen(result)))
        line(Progress("Running the controls", len(others), n, None))
    rows = [
        {"name": e.name, "forget": e.forget.figures(), "retain": e.retain.figures()}
        for e in (own, *others)
    ]
    lines = [
        f"{e.name:<20}"
        + "".join(
            f"  {role} {r.change_pp:+6.1f} pp [{r.ci_low_pp:+.1f}, {r.ci_high_pp:+.1f}] of n {r.n}"
            for role, r in (("forget", e.forget), ("retain", e.retain))
        )
        for e in (own, *others)
    ]
    value = {
        **said_of(engine, setting),
        "half": args.half or "all",
        "verdict": compared(own, others),
        "controls": rows,
    }
    return value, "\n".join([*lines, compared(own, others)])


def _points(figures: Mapping[str, float]) -> str:
    """The change of a set, as a terminal shows it."""
    return points(figures["change_pp"], figures["ci_low_pp"], figures["ci_high_pp"], ascii_signed)
