"""inspect's own command line, in this process, on a clamped model.

The model is registered first (backend.judges.inspect_provider) and `inspect eval` called then, as a
shell would. Its figures are read from the logs it writes.
"""

import json
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from backend.errors import BadInput, ClampboardError, Unavailable
from backend.judges import INSTALL
from backend.judges.inspect_questions import served_questions

if TYPE_CHECKING:
    from backend.judges.inspect_provider import Served

PACKAGES = ("inspect_ai", "inspect_evals")
TASKS = "inspect_evals/"
"""What the names of its tasks begin with."""
OURS = {
    "model": "--model",
    "m": "-M",
    "model_config": "--model-config",
    "model_spec": "--model-spec",
    "model_base_url": "--model-base-url",
    "run_config": "--run-config",
    "log_dir": "--log-dir",
    "json_output": "--json",
    "detach": "--detach",
    "ctl_server": "--ctl-server",
}
"""Arguments of inspect that are said by our own, or would leave this process."""
RUN = "clampboard_run"
"""By this a run's logs are found among others in the same folder."""


class Asked(NamedTuple):
    """One answer of one question."""

    question: str
    choices: tuple[str, ...]
    letter: str
    """What inspect read; empty where it found no letter."""
    target: str
    """The letter that is right."""
    right: bool


class Judged(NamedTuple):
    """What inspect found in one task."""

    task: str
    n: int
    """Answers: questions, or as many times that as inspect was asked for epochs."""
    n_failed: int
    """Those that ended in an error, and count nowhere."""
    metrics: dict[str, float]
    """As inspect calls them, fractions as a rule."""
    asked: tuple[Asked, ...]
    """Empty where the log keeps none, or the task has no letters."""
    log: str

    @property
    def n_without_letter(self) -> int:
        return sum(not one.letter for one in self.asked)


class Found(NamedTuple):
    versions: dict[str, str]
    tasks: list[Judged]
    questions: dict[str, str]
    """Data sets that were read from a folder, and which."""


def check_installed() -> None:
    """Raises Unavailable, saying how to install it."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise Unavailable(f"{' and '.join(missing)} is not installed. Install it: {INSTALL}")
    try:
        import backend.judges.inspect_provider  # noqa: F401
    except ImportError as error:
        raise Unavailable(
            f"inspect cannot be imported ({error}). Install it anew: {INSTALL}"
        ) from error


def check_further(further: Sequence[str]) -> None:
    """Raises BadInput for what inspect does not take, or what is not to be said to it."""
    from inspect_ai._cli.eval import eval_command

    with _said_in_a_sentence():
        own = eval_command.make_context("inspect eval", ["task"]).params
        given = eval_command.make_context("inspect eval", ["task", *further]).params
    if tuple(given["tasks"] or ()) != ("task",):
        raise BadInput("Tasks are named by --tasks, before --.")
    for name, option in OURS.items():
        if given[name] != own[name]:
            raise BadInput(f"inspect's {option} is said already: leave it out behind --.")


def run(
    served: "Served",
    name: str,
    tasks: Sequence[str],
    folder: Path,
    limit: int | None = None,
    further: Sequence[str] = (),
) -> Found:
    """What inspect finds of the model `clampboard/NAME`. Its logs go to `folder`.

    Raises BadInput for a task there is none of, Unavailable for questions that cannot be had, and
    whatever the model refused.
    """
    from inspect_ai._cli.main import inspect

    from backend.judges.inspect_provider import NAME, serve

    serve(served)
    model, run_id = f"{NAME}/{name}", f"run-{secrets.token_hex(8)}"
    named = [_named(task) for task in tasks]
    with tempfile.TemporaryDirectory() as scratch:
        arguments = Path(scratch, "arguments.json")
        arguments.write_text(json.dumps(served.arguments), encoding="utf-8")
        said = ["eval", *named]
        said += ["--model", model, "--model-config", str(arguments), "--log-dir", str(folder)]
        said += ["--metadata", f"{RUN}={run_id}", "--max-connections", "1"]
        said += ["--display", "plain", "--ctl-server", "false"]
        said += [] if limit is None else ["--limit", str(limit)]
        with (
            served_questions() as questions,
            _said_in_a_sentence(),
            _stopped_by_inspect(),
            redirect_stdout(sys.stderr),
        ):
            inspect.main(
                [*said, *further],
                prog_name="inspect",
                standalone_mode=False,
                auto_envvar_prefix="INSPECT",
            )
    if served.refused is not None:
        raise served.refused
    logs = _logs_of(folder, run_id)
    if not logs:
        raise Unavailable("inspect wrote no log, and gives no figure. The lines above say why.")
    judged = [_judged(log, model, served.arguments) for log in logs]
    judged.sort(key=lambda one: tasks.index(one.task) if one.task in tasks else len(tasks))
    return Found({package: version(package) for package in PACKAGES}, judged, questions)


def _named(task: str) -> str:
    """As inspect knows it. Raises BadInput for a file it would not find."""
    if Path(task).is_absolute() and "@" not in task:
        raise BadInput(f"Which task of {task}? Name it behind the file: FILE.py@TASK.")
    return task if "/" in task or ".py" in task else f"{TASKS}{task}"


@contextmanager
def _said_in_a_sentence() -> Iterator[None]:
    """What inspect's command line ends in becomes BadInput or Unavailable."""
    import click
    from inspect_ai._util.error import PrerequisiteError

    try:
        yield
    except ClampboardError:
        raise
    except ModuleNotFoundError as error:
        raise Unavailable(
            f"inspect lacks a package ({error}). Install it anew: {INSTALL}"
        ) from error
    except click.ClickException as error:
        raise BadInput(f"inspect does not take this: {error.format_message()}") from error
    except PrerequisiteError as error:
        raise BadInput(f"inspect cannot begin: {error.message}") from error
    except click.Abort as error:  # which is what click makes of it
        raise KeyboardInterrupt from error
    except (click.exceptions.Exit, SystemExit) as error:
        raise Unavailable("inspect ended by itself; the lines above say why.") from error


@contextmanager
def _stopped_by_inspect() -> Iterator[None]:
    """In the block Ctrl+C and SIGTERM are inspect's: it ends between two tokens, and its log says
    so. Whoever handled SIGTERM before hears of it then.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    terminated = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal terminated
        terminated = True
        signal.raise_signal(signal.SIGINT)

    # inspect's loop takes SIGINT over from this handler alone.
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: interrupt}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if terminated:
            signal.raise_signal(signal.SIGTERM)


# -- its logs --------------------------------------------------------------------------------------


def _logs_of(folder: Path, run_id: str) -> list[Any]:
    """The run's logs, whole."""
    from inspect_ai.log import list_eval_logs, read_eval_log

    mine = []
    for info in list_eval_logs(str(folder), recursive=False):
        head = read_eval_log(info, header_only=True)
        if (head.eval.metadata or {}).get(RUN) == run_id:
            mine.append(read_eval_log(info))
    return mine


def _judged(log: Any, model: str, arguments: dict[str, Any]) -> Judged:
    """Raises KeyboardInterrupt for a log that was stopped, Unavailable for one that ended in an
    error, BadInput for one of another model.
    """
    task, where = log.eval.task.removeprefix(TASKS), log.location.removeprefix("file://")
    if log.status == "cancelled":
        raise KeyboardInterrupt
    if log.status != "success":
        why = log.error.message if log.error is not None else log.status
        raise Unavailable(f"inspect stopped at {task}: {why[:300]}. Its log is {where}.")
    if log.eval.model != model or log.eval.model_args != arguments:
        raise BadInput(
            f"inspect ran {log.eval.model} in place of {model} for {task}: see its settings "
            "(INSPECT_EVAL_...) in the environment."
        )
    scores = log.results.scores if log.results is not None else []
    metrics = {
        name if len(scores) == 1 else f"{score.name}/{name}": float(metric.value)
        for score in scores
        for name, metric in score.metrics.items()
    }
    samples = log.samples or []
    whole = [sample for sample in samples if sample.error is None]
    asked = tuple(_asked(sample) for sample in whole if sample.choices and sample.scores)
    n = len(whole) if samples or log.results is None else log.results.completed_samples
    return Judged(task, n, len(samples) - len(whole), metrics, asked, where)


def _asked(sample: Any) -> Asked:
    text = sample.input if isinstance(sample.input, str) else sample.input[-1].text
    score = next(iter(sample.scores.values()))
    target = sample.target if isinstance(sample.target, str) else "".join(sample.target)
    return Asked(text, tuple(sample.choices), score.answer or "", target, score.value == "C")
