"""The clamped model before a judge from outside: inspect, with the tasks of inspect-evals."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.commands.judging import add_judge
from backend.commands.setting import engine_and_setting, said_of
from backend.commands.terminal import AddCommand, Answer, finite
from backend.errors import BadInput
from backend.setups import Setup
from backend.wording import percent

if TYPE_CHECKING:
    from backend.engine.engine import Engine
    from backend.interventions.method import Setting
    from backend.judges.inspect_compare import Beside
    from backend.judges.inspect_run import Judged

SILENT = (
    "Most texts have no letter that inspect could read: such an accuracy says that the model does "
    "not keep to the form, not what it knows."
)


def add(command: AddCommand) -> None:
    sub = add_judge(
        command,
        "inspect",
        inspect,
        "inspect's own command line on the clamped model, which writes its answers; what follows "
        "-- goes to `inspect eval` as it stands",
        "tasks of inspect-evals, such as wmdp_bio,mmlu_0_shot, or files with tasks",
    )
    sub.add_argument(
        "--logs", type=Path, metavar="FOLDER", help="where its logs go (default cache/inspect)"
    )
    sub.add_argument(
        "--board",
        action="store_true",
        help="the board's figure as well, of the questions that both ask",
    )


def inspect(setup: Setup, args: argparse.Namespace) -> Answer:
    from backend.judges import inspect_run
    from backend.judges.inspect_compare import DIFFERENCE
    from backend.store import cache_folder

    inspect_run.check_installed()
    inspect_run.check_further(args.further)
    folder = _folder(args.logs or cache_folder() / "inspect")
    engine, setting = engine_and_setting(setup, args)
    from backend.judges.inspect_provider import NAME, Served

    said, name = said_of(engine, setting), _name(setup.name)
    served = Served(engine, setting, {"called": engine.name_of(setting), **said})
    found = inspect_run.run(served, name, args.tasks, folder, args.limit, args.further)
    beside = _beside(engine, setting, found.tasks) if args.board else []
    value: dict[str, Any] = {
        **said,
        **found.versions,
        "model": f"{NAME}/{name}",
        "tasks": [_plain(task) for task in found.tasks],
        "read_from": found.questions,
        "board": [one._asdict() for one in beside] if args.board else None,
    }
    lines = [_line(task) for task in found.tasks]
    if any(task.n_without_letter > task.n / 2 for task in found.tasks):
        lines.append(SILENT)
    lines += [f"{data} was read from {where}." for data, where in found.questions.items()]
    if args.board:
        lines += [one.in_words() for one in beside] or ["The board asks none of these questions."]
        lines.append(DIFFERENCE)
    return finite(value), "\n".join(lines)


def _folder(path: Path) -> Path:
    """Made if it is not there. Raises BadInput for what is no folder, or cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be made ({error.strerror}). Name another folder by --logs."
        ) from error
    return path.resolve()


def _name(name: str) -> str:
    """A setup's name, without what has a meaning in the name of a model."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "setup"


def _beside(engine: "Engine", setting: "Setting", tasks: "list[Judged]") -> "list[Beside]":
    from backend.judges.inspect_compare import asked_of, beside, same_questions

    same = same_questions(tasks, engine.sets)
    if not same:
        return []
    evaluation = engine.evaluate(setting, only=asked_of(same, engine.n_questions))
    return beside(same, evaluation, engine.sets)


def _plain(task: "Judged") -> dict[str, Any]:
    return {
        "task": task.task,
        "n": task.n,
        "failed": task.n_failed,
        "without_letter": task.n_without_letter if task.asked else None,
        "metrics": task.metrics,
        "log": task.log,
    }


def _line(task: "Judged") -> str:
    said = [
        f"{name} {percent(value)}" if name == "accuracy" else f"{name} {value:.4g}"
        for name, value in task.metrics.items()
    ]
    said = said or ["no figure"]
    without = f", no letter in {task.n_without_letter:,}" if task.n_without_letter else ""
    failed = f", {task.n_failed:,} more ended in an error" if task.n_failed else ""
    return f"{task.task}  {', '.join(said)}, n {task.n:,}{without}{failed}  log {task.log}"
