"""What a setting does, and a file run again."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.commands.setting import add_setting, engine_and_setting, given_method, said_of
from backend.commands.terminal import (
    AddCommand,
    Answer,
    ProgressLine,
    finite,
    open_engine,
)
from backend.errors import BadInput
from backend.setups import Setup

if TYPE_CHECKING:
    from backend.evaluation.evaluate import Evaluation, SetResult
    from backend.evaluation.lights import Light
    from backend.sharing.run_file import RunSet


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
        help="an exported file; its setup is taken unless SETUP is given, which one that does not "
        "ship needs. Exit status 0: the same figures; 1: other figures; 2: the file cannot be "
        "used; 3: other ingredients (model, SAE, prompts, questions, formats, precision)",
    )
    sub.add_argument("--sets", help="only these question sets, separated by commas")
    sub.add_argument(
        "--half", choices=("selection", "held-out"), help="figures over one half of each set"
    )
    sub.add_argument("--per-question", action="store_true", help="list every question")
    sub.add_argument("--reference", action="store_true", help="take the slow full forward path")


def evaluate(setup: Setup, args: argparse.Namespace) -> Answer:
    if args.file is not None:
        return _evaluate_again(setup, args)
    from dataclasses import asdict

    from backend.evaluation.answers import gate_figures, gate_line, margin_changes, per_question
    from backend.evaluation.lights import lights
    from backend.experiments import text_loss

    engine, setting = engine_and_setting(setup, args)
    names = [name.strip() for name in args.sets.split(",")] if args.sets else None
    only = engine.in_sets(names) if names else None
    if args.reference:
        result = engine.evaluate_reference(setting, ProgressLine(), only)
    else:
        result = engine.evaluate(setting, only=only)
    if args.half:
        only = engine.half(args.half) if only is None else engine.half(args.half) & only
        result = engine.restrict(result, only)
    margins = margin_changes(engine.sets, result, only)
    letters = setup.scoring == "letter"
    opened = engine.opening(setting)
    checks = lights(engine.sets, engine.recording, engine.sae.W_dec, result, letters, only, opened)
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
            entry["questions"] = per_question(engine.sets, result, entry["name"], opened)
    value = {
        **said_of(engine, result.setting),
        "seconds": result.seconds,
        "kept": result.kept,
        "half": args.half or "all",
        "path": "reference" if args.reference else "engine",
        "sets": sets,
        "lights": [light._asdict() for light in checks],
    }
    lines = [_line_of_set(s) for s in shown]
    if not (args.reference or args.half or names):
        loss = text_loss.text_loss(engine, setting, ProgressLine())
        if loss is not None:
            value["text_loss"] = asdict(loss)
            lines.append(text_loss.in_words(loss))
    lines += [line_of_light(light) for light in checks]
    if opened is not None:
        opens = gate_figures(engine.sets, opened, only)
        value["gate"] = opens
        lines.append(gate_line(opens))
    lines.append(f"{_clamped(result)}, {_computed(result)}")
    return finite(value), "\n".join(lines)


def _clamped(result: "Evaluation") -> str:
    from backend.interventions.method import in_words

    said = in_words(result.setting.method)
    return f"{len(result.clamps)} features clamped" + (f" ({said})" if said else "")


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


def line_of_light(light: "Light") -> str:
    advice = "" if light.ok else f" {light.meaning} {light.advice}"
    return f"{'ok' if light.ok else 'LOOK':>7}  {light.name}: {light.finding}{advice}"


STATUS = {"same": 0, "other figures": 1, "other ingredients": 3}
"""Exit status of `evaluate --from` by what came out; 2 is a file that cannot be used."""


def _evaluate_again(setup: Setup, args: argparse.Namespace) -> tuple[Any, str, int]:
    """An exported file's clamps, computed anew even if the result is kept, beside the file's
    figures.
    """
    import torch

    from backend.sharing.compare import compare
    from backend.sharing.run_file import claims_of, run_file

    if args.reference or args.half or args.sets or given_method(args):
        raise BadInput(
            "--from runs a file again as it is: leave out --sets, --half, --reference and what "
            "says when to act."
        )
    claims = claims_of(args.file)
    engine = open_engine(setup)
    file = run_file(claims, engine.sae.d_sae, f"The run file {args.file}")
    result = engine.evaluate(file.setting, only=torch.ones(engine.n_questions, dtype=torch.bool))
    found = compare(file, result, engine)
    value = {
        **said_of(engine, result.setting),
        "seconds": result.seconds,
        "verdict": found.verdict,
        "same": found.verdict == "same",
        "questions": found.n,
        "changed_predictions": found.changed,
        "largest_score_difference": found.furthest,
        "contradictions": found.contradictions,
        "differences": found.ingredients,
        "other_figures": found.figures,
        "sets": [
            {"name": s.name, "n": s.n, "accuracy": s.accuracy, "lost": s.lost, "gained": s.gained}
            for s in result.sets
        ],
    }
    claimed = {s.name: s for s in claims.sets}
    lines = [
        _line_again(s)
        + (f"   in the file {_figures_again(claimed[s.name])}" if s.name in claimed else "")
        for s in result.sets
    ]
    lines += [f"Different: {line}" for line in found.lines()]
    return finite(value), "\n".join([*lines, found.sentence()]), STATUS[found.verdict]


def _line_again(s: "SetResult") -> str:
    return f"{s.role:>7}  {s.title:<16} n {s.n:>5}  {_figures_again(s)}"


def _figures_again(s: "SetResult | RunSet") -> str:
    return f"{s.accuracy:6.1%}  lost {s.lost}  gained {s.gained}"
