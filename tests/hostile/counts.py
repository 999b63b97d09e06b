"""What became of hostile inputs, counted: sentences are right, four other ends are not."""

import io
import re
import resource
import signal
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from backend.errors import ClampboardError
from backend.rim import GZIP
from backend.store import ROOT

LIMIT_S = 30.0
"""Seconds after which an input is a hang."""
ROOM_BYTES = 4_000_000_000
"""What an input may add to the process's address space."""
LONGEST = 600
"""Characters of a sentence."""
FAULT = 70
"""The exit status of a traceback that was caught last."""
WRONG = ("tracebacks", "hangs", "others", "lost")


@dataclass
class Counts:
    tried: int = 0
    sentences: int = 0
    tracebacks: int = 0
    hangs: int = 0
    others: int = 0
    """Other figures than those of an undamaged run."""
    lost: int = 0
    skipped: str = ""
    """Why the part did not run."""
    found: dict[str, str] = field(default_factory=dict)
    """What went wrong -> the shortest input that shows it."""

    @property
    def wrong(self) -> int:
        return sum(getattr(self, name) for name in WRONG)

    def note(self, kind: str, what: str, given: object) -> None:
        """Count one of WRONG, and keep its shortest input."""
        setattr(self, kind, getattr(self, kind) + 1)
        shown = (
            (given if isinstance(given, str) else repr(given))
            .encode("utf-8", "backslashreplace")
            .decode()
        )
        if isinstance(given, bytes) and given[:2] == GZIP:
            with suppress(zlib.error):
                begin = zlib.decompressobj(wbits=31).decompress(given, 300)
                shown = f"{len(given):,} bytes of gzip that begin with {begin!r}"
        if len(shown) > 2000:
            shown = f"{shown[:1000]} … {shown[-900:]}"
        name = f"{kind}: {what}"
        if name not in self.found or len(shown) < len(self.found[name]):
            self.found[name] = shown

    def __iadd__(self, other: "Counts") -> "Counts":
        for name in ("tried", "sentences", *WRONG):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.found |= other.found
        return self

    def line(self, name: str) -> str:
        if self.skipped:
            return f"{name:<16} skipped: {self.skipped}"
        return (
            f"{name:<16} {self.tried:>7,} tried {self.sentences:>7,} sentences "
            f"{self.tracebacks:>4} tracebacks {self.hangs:>3} hangs "
            f"{self.others:>4} other figures {self.lost:>4} lost"
        )

    def report(self, name: str) -> str:
        return "\n".join([self.line(name), *(f"  {k}\n      {v}" for k, v in self.found.items())])


@dataclass
class Share:
    """How much a part may try: so many inputs, in so many seconds."""

    most: int
    seconds: float
    seed: int = 0
    _until: float = 0.0

    def __post_init__(self) -> None:
        self._until = time.monotonic() + self.seconds

    @property
    def over(self) -> bool:
        return self.most <= 0 or time.monotonic() > self._until

    def spend(self) -> None:
        self.most -= 1


class Hang(BaseException):
    """The alarm rang."""


class Failed(NamedTuple):
    """An input came to no value."""

    sentence: str


@contextmanager
def limited(seconds: float) -> Iterator[list[bool]]:
    """Raise Hang after so long, and MemoryError past ROOM_BYTES; the list fills when it rang."""
    rang: list[bool] = []

    def ring(*_: object) -> None:
        rang.append(True)
        raise Hang

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    room = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, ring)
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM_BYTES, room[1]))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield rang
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, room)
        signal.signal(signal.SIGALRM, before)


def attempt(
    counts: Counts, given: object, call: Callable[[], Any], seconds: float = LIMIT_S
) -> Any | Failed:
    """One input: what it came to, or Failed once that is counted."""
    counts.tried += 1
    rang: list[bool] = []
    try:
        with limited(seconds) as rang:
            return call()
    except Hang:
        pass
    except ClampboardError as error:
        if not rang:
            return sentence(counts, given, str(error))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and not rang:
            raise
        if not rang:
            counts.note("tracebacks", place_of(error), given)
            return Failed("")
    counts.note("hangs", "the alarm rang", given)
    return Failed("")


def sentence(counts: Counts, given: object, text: str) -> Failed:
    """A refusal, counted as a sentence if it is one."""
    if not text.strip() or "\n" in text or len(text) > LONGEST or "Traceback" in text:
        counts.note("tracebacks", f"no sentence: {text[:60]!r}", given)
    else:
        counts.sentences += 1
    return Failed(text)


def place_of(error: BaseException) -> str:
    """The kind of error, and the last line of this program it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [f for f in frames if f.filename.startswith(str(ROOT)) and ".venv" not in f.filename]
    mine = [f for f in mine if "/tests/" not in f.filename] or frames[-1:]
    where = f"{Path(mine[-1].filename).name}:{mine[-1].lineno}" if mine else "?"
    return f"{type(error).__name__} at {where} ({str(error)[:80]!r})"


class Ran(NamedTuple):
    status: int
    out: str
    err: str


def command(counts: Counts, argv: list[str], seconds: float = LIMIT_S) -> Ran:
    """`python -m backend` with these arguments, in this process; status -1 once it is counted."""
    from backend.__main__ import main

    # As a terminal's: half characters are written to standard error alone.
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True)

    def run() -> int:
        with redirect_stdout(out), redirect_stderr(err):
            try:
                return main(argv)
            except SystemExit as ended:
                return ended.code if isinstance(ended.code, int) else 1

    status = attempt(counts, argv, run, seconds)
    said = err.buffer.getvalue().decode(errors="replace")
    if isinstance(status, Failed):
        return Ran(-1, "", said)
    last = said.strip().rsplit("\n", 1)[-1]
    if status == FAULT:
        counts.note("tracebacks", _kept(last), argv)
        return Ran(-1, "", said)
    if "Traceback (most recent call last)" in said:
        counts.note("tracebacks", "a traceback was written", argv)
    elif status == 2:
        usage = re.match(r"(usage: )?[\w. -]+: error: ", last)
        if last.startswith("clampboard: ") or usage:
            sentence(counts, argv, last)
        else:
            counts.note("tracebacks", f"no sentence: {last[:60]!r}", argv)
    elif status not in (0, 1, 3):
        counts.note("tracebacks", f"exit status {status}", argv)
    return Ran(status, out.buffer.getvalue().decode(errors="replace"), said)


def _kept(last: str) -> str:
    """Of a traceback in the file that the sentence names: its last line, and where it was."""
    for word in re.findall(r"(/\S+\.txt)", last):
        lines = Path(word).read_text("utf-8", "replace").strip().splitlines()
        mine = [x for x in lines if "File " in x and "/backend/" in x and ".venv" not in x]
        where = re.search(r'/(\w+\.py)", line (\d+)', mine[-1]) if mine else None
        at = f"{where[1]}:{where[2]}" if where else "?"
        return f"{at} ({lines[-1][:80]!r})"
    return last[:100]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
