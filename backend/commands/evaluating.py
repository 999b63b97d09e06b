"""What a setting does, and a file run again."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.commands.early import named_sets
from backend.commands.setting import (
    add_setting,
    engine_and_setting,
    given_method,
    given_rival,
    read_settings,
    said_of,
)
from backend.commands.terminal import (
    AddCommand,
    Answer,
    ProgressLine,
    finite,
    number,
    open_engine,
)
from backend.errors import BadInput, BadRival
from backend.progress import Progress
from backend.setups import Setup
from backend.wording import percent

if TYPE_CHECKING:
    from jaxtyping import Bool
    from torch import Tensor

    from backend.engine.engine import Engine, Half
    from backend.evaluation.evaluate import Evaluation, SetResult
    from backend.evaluation.light import Light
    from backend.interventions.method import Setting
    from backend.sharing.run_file import RunSet


def add(command: AddCommand) -> None:
    sub = command(
        "evaluate",
        evaluate,
        "what a set of clamps does to every question set; --from runs an exported file again and "
        "compares",
        nargs="?",
    )
    which = add_setting(sub, rivals=True)
    which.add_argument(
        "--clamps-file",
        type=Path,
        metavar="FILE",
        help='many settings in one call: a JSON object a line, {"clamps": "12:-60"} or {"preset": '
        '"forget-biology"}, with "method", or {"rival": "rmu:NAME"}, in the form that --json '
        "prints them",
    )
    which.add_argument(
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
    sub.add_argument(
        "--sure",
        type=number(0.1, 50),
        metavar="POINTS",
        help="stop at the first random sample whose changes of forget and of retain questions are "
        "within so many points of those over all questions, 95 times in 100",
    )
    sub.add_argument("--per-question", action="store_true", help="list every question")
    sub.add_argument("--reference", action="store_true", help="take the slow full forward path")


def evaluate(setup: Setup, args: argparse.Namespace) -> Answer:
    if args.file is not None:
        return _evaluate_again(setup, args)
    if args.clamps_file is not None:
        return _evaluate_many(setup, args)
    engine, setting = engine_and_setting(setup, args)
    value, lines = _evaluated(engine, setting, args)
    return finite(value), "\n".join(lines)


def _evaluate_many(setup: Setup, args: argparse.Namespace) -> Answer:
    """Every line of a file, in one process: what one setting has run, the next ones know."""
    if args.reference:
        raise BadInput("--reference takes one setting at a time: give --clamps or --preset.")
    asked = read_settings(args.clamps_file, setup, args)
    engine, line = open_engine(setup), ProgressLine()
    runs, said = [], []
    for place, (text, read) in enumerate(asked):
        line(Progress("Evaluating the settings", place, len(asked), None))
        value, lines = _evaluated(engine, read(engine), args)
        runs.append(value)
        said += [f"{text}:", *lines, ""]
    line(Progress("Evaluating the settings", len(asked), len(asked), None))
    return finite({"setup": setup.name, "runs": runs}), "\n".join(said[:-1])


def _evaluated(
    engine: "Engine", setting: "Setting", args: argparse.Namespace
) -> tuple[dict[str, Any], list[str]]:
    from dataclasses import asdict

    from backend.evaluation.answers import gate_figures, gate_line, margin_changes, per_question
    from backend.experiments import text_loss

    names = named_sets(args.sets) if args.sets else None
    only = engine.in_sets(names) if names else None
    if args.reference:
        result = engine.evaluate_reference(setting, ProgressLine(), only)
    else:
        counted = _counted(engine, only, args.half)
        result = engine.evaluate(
            setting,
            only=only,
            enough=lambda e: args.sure is not None and engine.sure_to(e, counted) <= args.sure,
        )
    if args.half:
        only = _counted(engine, only, args.half)
        result = engine.restrict(result, only)
    margins = margin_changes(engine.sets, result, only)
    opened = engine.opening(setting)
    checks = engine.lights(result, only)
    shown = [s for s in result.sets if names is None or s.name in names]
    sets: list[dict[str, Any]] = [
        {
            "name": s.name,
            "role": s.role,
            "n": s.n,
            "n_affected": s.n_affected,
            "n_done": s.n_done,
            **s.figures(),
            "sure_pp": s.sure_pp,
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
        "complete": result.complete,
        "questions_run": result.n_run,
        "questions_known": result.n_known,
        "half": args.half or "all",
        "path": "reference" if args.reference else "engine",
        "sets": sets,
        "lights": [light._asdict() for light in checks],
    }
    lines = [_line_of_set(s) for s in shown]
    if result.complete and not (args.reference or args.half or names):
        try:
            loss = text_loss.text_loss(engine, setting, ProgressLine())
        except BadRival as error:  # a prompt may fit before questions, and not before this text
            loss = None
            lines.append(f"   text  {error}")
        if loss is not None:
            value["text_loss"] = asdict(loss)
            lines.append(text_loss.in_words(loss))
    lines += [line_of_light(light) for light in checks]
    if opened is not None:
        opens = gate_figures(engine.sets, opened, only)
        value["gate"] = opens
        lines.append(gate_line(opens))
    lines.append(f"{_clamped(result)}, {_computed(result)}")
    return value, lines


def _counted(
    engine: "Engine", only: "Bool[Tensor, ' question'] | None", half: "Half | None"
) -> "Bool[Tensor, ' question'] | None":
    """The questions that figures are over; None for all of them."""
    if half is None:
        return only
    return engine.half(half) if only is None else engine.half(half) & only


def _clamped(result: "Evaluation") -> str:
    from backend.interventions.method import in_words
    from backend.interventions.rival import in_words as rival_in_words

    if (rival := result.setting.rival) is not None:
        return f"{rival_in_words(rival)} in the place of clamps"
    said = in_words(result.setting.method)
    return f"{len(result.clamps)} features clamped" + (f" ({said})" if said else "")


def _computed(result: "Evaluation") -> str:
    if result.kept is None:
        known = f", {result.n_known} known from before" if result.n_known else ""
        return f"{result.n_run} questions run{known}, {result.seconds:.2f} s"
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(result.kept))
    return f"kept from {when}, when it took {result.seconds:.2f} s"


def _line_of_set(s: "SetResult") -> str:
    sample = f"  a sample of {s.n_done} of {s.n_affected}" if s.n_done < s.n_affected else ""
    doubt = "  inconclusive: the baseline may be chance" if s.inconclusive else ""
    return (
        f"{s.role:>7}  {s.title:<16} n {s.n:>5}  "
        f"{percent(s.baseline_accuracy):>7} -> {percent(s.accuracy):>7}  "
        f"{s.change_pp:+6.1f} pp [{s.ci_low_pp:+.1f}, {s.ci_high_pp:+.1f}]  "
        f"lost {s.lost}  gained {s.gained}  p {s.p_value:.2g}{sample}{doubt}"
    )


def line_of_light(light: "Light") -> str:
    advice = f" {light.meaning} {light.advice}" if light.ok is False else ""
    word = {True: "ok", False: "LOOK", None: "not run"}[light.ok]
    return f"{word:>7}  {light.name}: {light.finding}{advice}"


STATUS = {"same": 0, "other figures": 1, "other ingredients": 3}
"""Exit status of `evaluate --from` by what came out; 2 is a file that cannot be used."""


def _evaluate_again(setup: Setup, args: argparse.Namespace) -> tuple[Any, str, int]:
    """An exported file's clamps, computed anew even if the result is kept, beside the file's
    figures.
    """

    from backend.sharing.compare import compare
    from backend.sharing.run_file import claims_of, run_file

    if args.reference or args.half or args.sets or given_method(args) or given_rival(args):
        raise BadInput(
            "--from runs a file again as it is: leave out --sets, --half, --reference and what "
            "says when to act."
        )
    claims = claims_of(args.file)
    engine = open_engine(setup)
    file = run_file(claims, engine.d_sae, f"The run file {args.file}")
    result = engine.evaluate(file.setting, anew=True)
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
    return f"{percent(s.accuracy):>7}  lost {s.lost}  gained {s.gained}"
