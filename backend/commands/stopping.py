"""Ctrl+C and SIGTERM: one line on standard error, and everything that was started ends."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 128 + signal.SIGINT.value
SAID = "stopped; what was finished is kept."
_working = False
_asked = 0


def on_signals() -> None:
    """From here on a signal leaves no traceback, whatever is imported or shut down."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    global _working, _asked
    _asked = 128 + number
    if not _working:  # nothing to put in order; or it is the second time of asking
        say(f"clampboard: {SAID}")
        leave(_asked)
    _working = False
    # Where the work is, so that locks and scratch files are let go of on the way out.
    raise KeyboardInterrupt


def asked() -> int:
    """The exit status of the signal that came; 0 if none did.

    A library that is imported may have raised another error in its stead.
    """
    return _asked


@contextmanager
def at_work() -> Iterator[None]:
    """In the block a signal raises KeyboardInterrupt."""
    global _working
    _working = True
    try:
        yield
    finally:
        _working = False


def say(line: str) -> None:
    """On standard error, in place of a line of progress."""
    with suppress(OSError, ValueError, AttributeError):  # there may be none
        start = "\r\033[K" if sys.stderr.isatty() else ""
        print(f"{start}{line}", file=sys.stderr, flush=True)


def leave(status: int) -> NoReturn:
    """End the process with its threads: those of a download would go on to its end."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)
