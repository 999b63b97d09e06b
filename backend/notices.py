"""What happened to files while nobody asked: said once in the log, and listed for the page."""

import logging
import threading

log = logging.getLogger(__name__)

_said: dict[tuple[str, int], str] = {}
_lock = threading.Lock()


def notice(text: str, stamp: int = 0) -> None:
    """Say it, unless this process has said it before, with the same stamp."""
    with _lock:
        if (text, stamp) in _said:
            return
        _said[text, stamp] = text
    log.warning(text)


def noticed() -> tuple[str, ...]:
    """All that was said since the process began, the first thing first."""
    return tuple(dict.fromkeys(_said.values()))
