"""The command line: every page's work for scripts, remote machines and tests.

With --json one JSON object goes to standard output and nothing else; progress and log lines go to
standard error. A wrong argument is one line and exit status 2; evaluate --from ends with 1 for
other figures than the file's, and with 3 for a file of other ingredients.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Literal

from backend.commands import evaluating, making, reading, taking
from backend.commands.terminal import Run
from backend.errors import BadInput, ClampboardError
from backend.setups import load_setup


def main(argv: Sequence[str] | None = None) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    args = _parser().parse_args(argv)
    try:
        _quiet_libraries()
        setup = load_setup(args.setup if args.setup is not None else _setup_of_file(args))
        value, text, *status = args.run(setup, args)
    except ClampboardError as error:
        print(f"clampboard: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    print(json.dumps(value, ensure_ascii=False, allow_nan=False) if args.json else text)
    return status[0] if status else 0


def _quiet_libraries() -> None:
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m backend", description="Clampboard without the pages."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Run, help_text: str, nargs: Literal["?"] | None = None
    ) -> argparse.ArgumentParser:
        """`nargs` is the setup's: "?" where a command can do without."""
        sub = commands.add_parser(name, help=help_text, description=help_text)
        sub.add_argument(
            "setup",
            metavar="SETUP",
            nargs=nargs,
            help="a shipped setup's name, or the path of a TOML file",
        )
        sub.add_argument("--json", action="store_true", help="print one JSON object")
        sub.set_defaults(run=run)
        return sub

    for module in (making, reading, evaluating, taking):
        module.add(command)
    return parser


def _setup_of_file(args: argparse.Namespace) -> str:
    from backend.sharing.run_file import shipped_setup

    if args.file is None:
        raise BadInput("Name a setup, such as demo: python -m backend evaluate demo --clamps ...")
    return shipped_setup(args.file)


if __name__ == "__main__":
    sys.exit(main())
