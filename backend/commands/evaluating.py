"""What clamps do: one setting, a file run again, a feature's dose curve, a grid, the controls."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.commands.terminal import (
    AddCommand,
    Answer,
    ProgressLine,
    add_setting,
    count,
    engine_and_clamps,
    finite,
    open_engine,
    read_file,
)
from backend.errors import BadInput
from backend.progress import Progress
from backend.setups import Setup
from backend.wording import ascii_signed, points

if TYPE_CHECKING:
    from backend.evaluation.evaluate import Evaluation, SetResult
    from backend.evaluation.lights import Light


def add(command: AddCommand) -> None:
    sub = command(
        "evaluate",
        evaluate,
        "what a set of clamps does to every question set; --from runs an exported file again and "
        "compares",
        nargs="?",
    )
    add_setting(sub).add_argument(
        "--from",
        dest="file",
        type=Path,
        help="an exported file; its setup is taken unless SETUP is given",
    )
    sub.add_argument("--sets", help="only these question sets, separated by commas")
    sub.add_argument(
        "--half", choices=("selection", "held-out"), help="figures over one half of each set"
    )
    sub.add_argument("--per-question", action="store_true", help="list every question")
    sub.add_argument("--reference", action="store_true", help="take the slow full forward path")
    sub = command(
        "dose",
        dose,
        "what one feature's clamp does at each of a row of strengths; goes on where it was stopped",
    )
    sub.add_argument("feature", type=int, metavar="FEATURE")
    sub.add_argument(
        "--multiples",
        type=float,
        nargs="+",
        help="of its maximum activation, such as -5 -2 0 1; the feature page's unless given",
    )
    sub = command(
        "sweep",
        sweep,
        "a grid of settings: how many features, clamped how far; goes on where it was stopped",
    )
    which = sub.add_mutually_exclusive_group(required=True)
    which.add_argument("--features", type=int, nargs="+", help="in the order they are taken in")
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
        type=float,
        nargs="+",
        default=[-2.0, -4.0, -8.0],
        help="of each feature's maximum activation (default -2 -4 -8)",
    )
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


def evaluate(setup: Setup, args: argparse.Namespace) -> Answer:
    if args.file is not None:
        return _evaluate_again(setup, args)
    from dataclasses import asdict

    from backend.evaluation.answers import margin_changes, per_question
    from backend.evaluation.lights import lights
    from backend.experiments import text_loss
    from backend.interventions.edit import format_clamps

    engine, clamps = engine_and_clamps(setup, args)
    names = [name.strip() for name in args.sets.split(",")] if args.sets else None
    only = engine.in_sets(names) if names else None
    if args.reference:
        result = engine.evaluate_reference(clamps, ProgressLine(), only)
    else:
        result = engine.evaluate(clamps, only=only)
    if args.half:
        only = engine.half(args.half) if only is None else engine.half(args.half) & only
        result = engine.restrict(result, only)
    margins = margin_changes(engine.sets, result, only)
    letters = setup.scoring == "letter"
    checks = lights(engine.sets, engine.recording, engine.sae.W_dec, result, letters, only)
    shown = [s for s in result.sets if names is None or s.name in names]
    sets: list[dict[str, Any]] = [
        {
            "name": s.name,
            "role": s.role,
            "n": s.n,
            "n_affected": s.n_affected,
            **s.figures(),
            "inconclusive": s.inconclusive,
            "margin_change": margins[s.name]._asdict(),
        }
        for s in shown
    ]
    if args.per_question:
        for entry in sets:
            entry["questions"] = per_question(engine.sets, result, entry["name"])
    value = {
        "setup": setup.name,
        "clamps": format_clamps(result.clamps),
        "seconds": result.seconds,
        "kept": result.kept,
        "half": args.half or "all",
        "path": "reference" if args.reference else "engine",
        "dtype": engine.dtype,
        "sets": sets,
        "lights": [light._asdict() for light in checks],
    }
    lines = [_line_of_set(s) for s in shown]
    if not (args.reference or args.half or names):
        loss = text_loss.text_loss(engine, clamps, ProgressLine())
        if loss is not None:
            value["text_loss"] = asdict(loss)
            lines.append(text_loss.in_words(loss))
    lines += [_line_of_light(light) for light in checks]
    lines.append(f"{len(result.clamps)} features clamped, {_computed(result)}")
    return finite(value), "\n".join(lines)


def _computed(result: "Evaluation") -> str:
    if result.kept is None:
        return f"{result.seconds:.2f} s"
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(result.kept))
    return f"kept from {when}, when it took {result.seconds:.2f} s"


def _line_of_set(s: "SetResult") -> str:
    doubt = "  inconclusive: the baseline may be chance" if s.inconclusive else ""
    return (
        f"{s.role:>7}  {s.title:<16} n {s.n:>5}  {s.baseline_accuracy:6.1%} -> {s.accuracy:6.1%}  "
        f"{s.change_pp:+6.1f} pp [{s.ci_low_pp:+.1f}, {s.ci_high_pp:+.1f}]  "
        f"lost {s.lost}  gained {s.gained}  p {s.p_value:.2g}{doubt}"
    )


def _line_of_light(light: "Light") -> str:
    advice = "" if light.ok else f" {light.meaning} {light.advice}"
    return f"{'ok' if light.ok else 'LOOK':>7}  {light.name}: {light.finding}{advice}"


def _evaluate_again(setup: Setup, args: argparse.Namespace) -> tuple[Any, str, int]:
    """An exported file's clamps, computed anew even if the result is kept, beside the file's
    figures.
    """
    import torch

    from backend.interventions.edit import format_clamps
    from backend.sharing.export import compare, differences, read_export

    if args.reference or args.half or args.sets:
        raise BadInput(
            "--from runs a file again as it is: leave out --sets, --half and --reference."
        )
    text = read_file(args.file)
    engine = open_engine(setup)
    exported = read_export(text, engine.sae.d_sae)
    result = engine.evaluate(exported.clamps, only=torch.ones(engine.n_questions, dtype=torch.bool))
    different, rerun = differences(exported, engine), compare(exported, result, engine)
    value = {
        "setup": setup.name,
        "clamps": format_clamps(result.clamps),
        "seconds": result.seconds,
        "same": rerun.same,
        "questions": rerun.n,
        "changed_predictions": rerun.changed,
        "largest_score_difference": rerun.furthest,
        "differences": different,
        "sets": [
            {"name": s.name, "n": s.n, "accuracy": s.accuracy, "lost": s.lost, "gained": s.gained}
            for s in result.sets
        ],
    }
    file = {s.name: s for s in exported.sets}
    lines = [
        f"{s.role:>7}  {s.title:<16} n {s.n:>5}  {s.accuracy:6.1%}  lost {s.lost}  gained "
        f"{s.gained}"
        + (
            f"   in the file {file[s.name].accuracy:6.1%}  lost {file[s.name].lost}  gained "
            f"{file[s.name].gained}"
            if s.name in file
            else ""
        )
        for s in result.sets
    ]
    return (
        finite(value),
        "\n".join([*lines, *(f"Different: {d}" for d in different), rerun.sentence()]),
        0 if rerun.same else 1,
    )


def dose(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments.dose import MULTIPLES, dose_curve, plain

    engine = open_engine(setup)
    multiples, line = args.multiples or MULTIPLES, ProgressLine()
    points = []
    for point in dose_curve(engine, args.feature, multiples):
        points.append(plain(point))
        line(Progress("Evaluating the strengths", len(points), len(multiples), None))
    points.sort(key=lambda point: point["multiple"])
    about = engine.atlas.summary(args.feature)
    value = {
        "setup": setup.name,
        "feature": args.feature,
        "label": about["label"],
        "max_act": about["max_act"],
        "dtype": engine.dtype,
        "points": points,
    }
    lines = [
        f"{p['multiple']:+8.2f}x {p['value']:>10.2f}  "
        + "  ".join(
            f"{role} {p[role]['accuracy']:6.1%} ({_points(p[role])}, n {p[role]['n']})"
            for role in ("forget", "retain")
        )
        for p in points
    ]
    return value, "\n".join(
        [f"feature {args.feature}, maximum activation {about['max_act']:.1f}", *lines]
    )


def sweep(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments.sweep import grid, plain, run_sweep

    engine, line = open_engine(setup), ProgressLine()
    features = args.features
    if args.preset is not None:
        features = sorted(
            (clamp.feature for clamp in engine.preset(args.preset)),
            key=lambda f: -engine.atlas.about(f)["fires_forget"],
        )
    settings = grid(features, lambda f: engine.atlas.summary(f)["max_act"], args.n, args.multiples)
    points = []
    for point in run_sweep(engine, settings, engine.half(args.half) if args.half else None):
        points.append(point)
        line(Progress("Evaluating the settings", len(points), len(settings), None))
    points.sort(key=lambda point: (point.n, -point.multiple))
    lines = [
        f"{p.n:>5} {p.multiple:+8.2f}x  "
        + "  ".join(
            f"{role} {r.accuracy:6.1%} ({_points(r.figures())}, n {r.n})"
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
    from backend.experiments.controls import (
        N_RANDOM,
        control_effect,
        own_effect,
        run_controls,
        verdict,
    )
    from backend.interventions.edit import format_clamps

    engine, clamps = engine_and_clamps(setup, args)
    if not clamps:
        raise BadInput("No clamp is given: there is nothing to hold controls against.")
    line, only = ProgressLine(), engine.half(args.half) if args.half else None

    def seen(result: Any) -> Any:
        return result if only is None else engine.restrict(result, only)

    own, others = own_effect(seen(engine.evaluate(clamps))), []
    for control, result in run_controls(engine, clamps):
        others.append(control_effect(control, seen(result)))
        line(Progress("Running the controls", len(others), N_RANDOM + 3, None))
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
        "setup": setup.name,
        "clamps": format_clamps(clamps),
        "half": args.half or "all",
        "dtype": engine.dtype,
        "verdict": verdict(own, others),
        "controls": rows,
    }
    return value, "\n".join([*lines, verdict(own, others)])


def _points(figures: Mapping[str, float]) -> str:
    """The change of a set, as a terminal shows it."""
    return points(figures["change_pp"], figures["ci_low_pp"], figures["ci_high_pp"], ascii_signed)
