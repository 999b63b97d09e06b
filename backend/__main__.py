"""The command line: every page's work for scripts, remote machines and tests.

With --json one JSON object goes to standard output and nothing else; progress and log lines go to
standard error. Whatever goes wrong is one line there; the exit statuses are listed in
backend/commands/README.md.
"""

from backend.commands import stopping

if __name__ == "__main__":
    stopping.on_signals()

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, Literal, NoReturn

from backend.commands import (
    anatomy,
    building,
    evaluating,
    inspecting,
    judging,
    making,
    multipliers,
    reading,
    rivals,
    searching,
    studies,
    taking,
    trying,
)
from backend.commands.early import refuse_early
from backend.commands.terminal import Run, Subject, one_line
from backend.errors import BadInput, ClampboardError
from backend.rim import whole
from backend.setups import Setup, load_setup

WRONG = 2
"""The exit status of a wrong argument, or of what is not there."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        stopping.say(f"clampboard: {one_line(message)} See: {self.prog} --help")
        sys.exit(WRONG)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """A command with a default for `further` takes what follows -- as it stands."""
        args = list(sys.argv[1:] if args is None else args)
        if self.get_default("further") is None or "--" not in args:
            return super().parse_known_args(args, namespace)
        at = args.index("--")
        found, unknown = super().parse_known_args(args[:at], namespace)
        found.further = args[at + 1 :]
        return found, unknown


def main(argv: Sequence[str] | None = None) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        with stopping.at_work():
            return _run(sys.argv[1:] if argv is None else argv)
    except (Exception, KeyboardInterrupt) as error:
        said, status = _outcome(error)
    if said:
        stopping.say(f"clampboard: {one_line(said)}")
    return status


def _outcome(error: BaseException) -> tuple[str, int]:
    """What is said of it, and the exit status."""
    if isinstance(error, KeyboardInterrupt) or stopping.asked():
        return stopping.SAID, stopping.asked() or stopping.INTERRUPTED
    if isinstance(error, ClampboardError):
        return str(error), WRONG
    if isinstance(error, BrokenPipeError):
        _to_nowhere()
        return "", 0
    if isinstance(error, ModuleNotFoundError):
        return f"{error}: run `make app` once, and then .venv/bin/python -m backend.", WRONG
    if _out_of_memory(error):
        return "Memory ran out. Close other programs, or take fewer questions or features.", WRONG
    from backend.crash import SOFTWARE, keep_traceback

    return keep_traceback(error), SOFTWARE


def _run(argv: Sequence[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal may not know every character
            stream.reconfigure(errors="backslashreplace")
    _check(argv)
    args = _parser().parse_args(argv)
    subject = args.load(args)
    _quiet_libraries()
    value, text, *status = args.run(subject, args)
    _print(json.dumps(value, ensure_ascii=False, allow_nan=False) if args.json else text)
    return status[0] if status else 0


def _check(argv: Sequence[str]) -> None:
    """Raises BadInput for an argument that is no text."""
    for number, argument in enumerate(argv, 1):
        whole(argument, f"Argument {number}")
        if "\0" in argument:
            raise BadInput(f"Argument {number} holds a zero byte.")
        if re.fullmatch(r"-[^=]*=--", argument):  # argparse takes the value for an end of options
            raise BadInput(f"Argument {number} is {one_line(argument)}: -- is no value.")


def _print(text: str) -> None:
    """Raises BrokenPipeError where nobody reads, BadInput where it cannot be written."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        _to_nowhere()
        raise BadInput(f"Standard output cannot be written: {error.strerror}.") from error


def _to_nowhere() -> None:
    """What is left in standard output's buffer would be said to be unwritable once more."""
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _out_of_memory(error: BaseException) -> bool:
    """Python's memory, a GPU's, or what torch takes on a CPU."""
    name, said = type(error).__name__, str(error)
    return isinstance(error, MemoryError) or name == "OutOfMemoryError" or "CPUAllocator" in said


def _quiet_libraries() -> None:
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m backend", description="Clampboard without the pages.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str,
        run: Run,
        help_text: str,
        nargs: Literal["?"] | None = None,
        subject: Subject = SETUP,
    ) -> argparse.ArgumentParser:
        """`nargs` is the subject's: "?" where a command can do without."""
        sub = commands.add_parser(name, help=help_text, description=help_text)
        sub.add_argument(
            subject.metavar.lower(), metavar=subject.metavar, nargs=nargs, help=subject.help
        )
        sub.add_argument("--json", action="store_true", help="print one JSON object")
        sub.set_defaults(run=run, load=subject.load)
        return sub

    for module in MODULES:
        module.add(command)
    return parser


def _load_setup(args: argparse.Namespace) -> Setup:
    """Raises ClampboardError for what is wrong with it, or with arguments beside it."""
    setup = load_setup(args.setup if args.setup is not None else _setup_of_file(args))
    refuse_early(setup, args)
    return setup


def _setup_of_file(args: argparse.Namespace) -> str:
    from backend.sharing.run_file import shipped_setup

    if args.file is None:
        raise BadInput("Name a setup, such as demo: python -m backend evaluate demo --clamps ...")
    return shipped_setup(args.file)


MODULES = (
    making,
    rivals,
    reading,
    evaluating,
    judging,
    inspecting,
    anatomy,
    trying,
    building,
    multipliers,
    searching,
    studies,
    taking,
)
"""In the order in which --help lists their commands."""
SETUP = Subject("SETUP", "a shipped setup's name, or the path of a TOML file", _load_setup)

if __name__ == "__main__":
    ended = main()
    if ended > 128:
        stopping.leave(ended)
    sys.exit(ended)
