"""Start the server, or set the password of a team's: python -m components.serving [password].

What is wrong is one line and exit status 2. Ctrl+C is one line and 130; a server that is ended by
SIGTERM ends everything with it.
"""

import argparse
import getpass
import os
import sys
from collections.abc import Sequence

from backend import showcase
from backend.errors import BadInput, ClampboardError
from components.serving import password
from components.serving.address import Address, address

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        if args.what == "password":
            set_password()
            return 0
        return serve(address(args.host), args.port)
    except ClampboardError as error:
        _say(f"clampboard: {error}")
        return 2
    except KeyboardInterrupt:
        _say("Stopped.")
        return INTERRUPTED


def serve(at: Address, port: int | None) -> int:
    """Serve until it is stopped. Raises BadInput where a password is needed and there is none."""
    kept = password_for(at)
    _say(opening(at))
    from components.serving.server import run

    run(at, port, kept)
    return 0


def password_for(at: Address) -> str | None:
    """The hash that visitors must match; None where nobody but this machine can come in.

    Asks for a new password, in a terminal, where one is needed and there is none.
    """
    if not at.public:
        return None
    if password.kept_hash() is None:
        if not sys.stdin.isatty():
            raise BadInput(
                f"{at.listen} can be reached from other machines, and there is no password. "
                "Set one with make password, or its hash in CLAMPBOARD_PASSWORD_HASH."
            )
        set_password()
    return password.kept_hash()


def set_password() -> None:
    """Ask for a password twice, without echo, and keep its hash."""
    new = getpass.getpass("A password for everybody who may come in: ")
    word = password.hashed(new)
    if getpass.getpass("The same again: ") != new:
        raise BadInput("The two are not the same. Nothing was changed.")
    password.keep(word)
    _say(f"Its hash is kept in {password.password_file()}.")


def opening(at: Address) -> str:
    """What a server at this address lets in, in words."""
    setup = os.environ.get("CLAMPBOARD_SETUP", "demo")
    said = [
        f"Opening Clampboard with the setup '{setup}'. The first start prepares it, "
        "one to two minutes for the demo. Stop with Ctrl+C."
    ]
    if at.public:
        may = (
            "look at what is kept"
            if showcase.is_on()
            else "run settings, and write and delete labels, notes and presets"
        )
        said += [
            f"It listens at {at.listen}, and answers to: {', '.join(at.names)}.",
            f"Whoever has the password can {may}.",
            "Without TLS the password can be read on the way: put a proxy with TLS before it on "
            "any network you do not trust.",
        ]
    return "\n".join(said)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m components.serving", description="Serve the pages."
    )
    parser.add_argument("what", nargs="?", choices=("password",), help="set the team's password")
    parser.add_argument(
        "--host",
        default="localhost",
        help="where to listen, then further names browsers may use, separated by commas",
    )
    parser.add_argument("--port", type=int, help="default: 8501, or the next one that is free")
    return parser


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
