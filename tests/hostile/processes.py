"""Children of a warm process: forked, so that each starts in no time; they report on a pipe."""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.hostile.counts import Counts, place_of

Report = Callable[[str], None]
"""Called with a line; it has been read, or will be, whatever happens to the child then."""
FAULT = "fault "


@dataclass
class Child:
    pid: int
    pipe: int
    text: bytes = b""
    ended: bool = False
    lines: list[str] = field(default_factory=list)

    def read(self, seconds: float) -> None:
        """Take up what it says, until it ends or the time is over."""
        until = time.monotonic() + seconds
        while not self.ended and (left := until - time.monotonic()) > 0:
            if select.select([self.pipe], [], [], left)[0]:
                more = os.read(self.pipe, 1 << 16)
                self.ended = not more
                self.text += more
        *whole, _ = self.text.decode(errors="replace").split("\n")
        self.lines = whole

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.end(Counts(), "", 10)

    def end(self, counts: Counts, given: str, seconds: float) -> None:
        """Read it to its end; one that does not come is a hang."""
        self.read(seconds)
        if not self.ended:
            counts.note("hangs", "a process does not end", given)
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)
        for line in self.lines:
            if line.startswith(FAULT):
                counts.note("tracebacks", line, given)


def forked(work: Callable[[Report], None]) -> Child:
    """A process that does the work and nothing else."""
    sys.stdout.flush()
    ours, its = os.pipe()
    pid = os.fork()
    if pid:
        os.close(its)
        return Child(pid, ours)
    status = 1
    try:
        os.close(ours)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)

        def report(line: str) -> None:
            os.write(its, line.encode() + b"\n")

        try:
            work(report)
            status = 0
        except BaseException as error:
            report(f"{FAULT}{place_of(error)}")
    finally:
        os._exit(status)
