"""The clamped model before a judge from outside: lm-evaluation-harness."""

import argparse
import gc
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.setting import add_setting, engine_and_setting, said_of
from backend.commands.terminal import (
    AddCommand,
    Answer,
    ProgressLine,
    Run,
    count,
    finite,
    whole_number,
)
from backend.errors import BadInput
from backend.setups import Setup

if TYPE_CHECKING:
    from backend.engine.engine import Engine
    from backend.interventions.method import Setting
    from backend.judges.harness import Figures
    from backend.judges.harness_compare import Compared

NOT_COMPARED = "not compared with the board, as it was not asked in the setup's own words"


def add(command: AddCommand) -> None:
    sub = add_judge(
        command,
        "lm-eval",
        lm_eval,
        "lm-evaluation-harness's own command line on the clamped model; what follows -- goes to it "
        "as it stands",
        "sets of the setup, or tasks of lm-eval, separated by commas",
    )
    sub.add_argument(
        "--batch-size",
        type=whole_number(1, 1024),
        default=4,
        help="texts read at once (default 4); it changes nothing but the time taken",
    )
    sub.add_argument(
        "--half",
        choices=("selection", "held-out"),
        help="one half of each set of the setup; not of lm-eval's own tasks",
    )
    sub.add_argument(
        "--no-compare",
        action="store_true",
        help="leave out the board's figures of the same questions",
    )


def add_judge(
    command: AddCommand, name: str, run: Run, says: str, tasks: str
) -> argparse.ArgumentParser:
    """A command that takes a setting, none unless it is given, and a judge's tasks."""
    sub = command(name, run, says)
    add_setting(sub, rivals=True).required = False
    sub.add_argument("--tasks", required=True, type=_names, metavar="NAMES", help=tasks)
    sub.add_argument("--limit", type=count, help="the first so many questions of each task")
    sub.set_defaults(clamps="", further=[])
    return sub


def _names(text: str) -> list[str]:
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found or any(name.startswith("-") for name in found):
        raise argparse.ArgumentTypeError("name a task.")
    return list(dict.fromkeys(found))


def lm_eval(setup: Setup, args: argparse.Namespace) -> Answer:
    from backend.judges import harness
    from backend.judges.harness_tasks import check_asked
    from backend.model.memory import give_back

    harness.check_installed()
    own = [name for name in args.tasks if name in {source.name for source in setup.sets}]
    _check_half(args, own)
    check_asked(own, setup.protocol)
    given = harness.parse(args.tasks, {}, args.limit, args.batch_size, args.further)
    engine, setting = engine_and_setting(setup, args)
    setting = engine.check(setting)
    given.model_args = {"model": setup.model.name, **said_of(engine, setting)}
    with engine.turn(ProgressLine(), "reference"):
        found = _judged(engine, setting, given, own, args)
    # The judge's copy of the model goes before the engine's is loaded; its hooks refer to it.
    gc.collect()
    give_back()
    beside = [] if args.no_compare else _beside(engine, setting, found)
    value = {
        **said_of(engine, setting),
        "lm_eval": found.version,
        "half": args.half or "all",
        "tasks": found.tasks,
        "files": {task: list(files) for task, files in found.local},
        "compared": None if args.no_compare else [one._asdict() for one in beside],
    }
    lines = [found.table.strip()]
    lines += [f"{task}: read from {', '.join(files)}" for task, files in found.local]
    lines += [one.in_words() for one in beside]
    if not args.no_compare:
        alike = {one.task for one in beside}
        lines += [f"{name}: {NOT_COMPARED}" for name in own if name not in alike]
    return finite(value), "\n".join(lines)


def _check_half(args: argparse.Namespace, own: list[str]) -> None:
    others = [name for name in args.tasks if name not in own]
    if args.half and others:
        raise BadInput(
            f"--half is of sets of this setup: leave out {', '.join(others)}, or ask it alone."
        )


def _judged(
    engine: "Engine",
    setting: "Setting",
    given: argparse.Namespace,
    own: list[str],
    args: argparse.Namespace,
) -> "Figures":
    from backend.judges import harness
    from backend.judges.harness_tasks import write_own_tasks
    from backend.judges.hooked_model import hooked_model

    def write(folder: Path) -> None:
        only = engine.half(args.half) if args.half else None
        write_own_tasks(folder, engine.sets, own, engine.setup.protocol, only)

    hooked = hooked_model(engine, setting, ProgressLine())
    return harness.run(given, hooked, write, ProgressLine())


def _beside(engine: "Engine", setting: "Setting", found: "Figures") -> "list[Compared]":
    from backend.judges.harness_compare import compared, matched, questions_of

    same = matched(found.samples, engine.sets, engine.packed, engine.tokenizer)
    if not same:
        return []
    only = questions_of(same, engine.n_questions)
    evaluation = engine.evaluate(setting, only=only)
    return compared(same, evaluation, engine.sets, engine.setup.scoring)
