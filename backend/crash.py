"""The way out of a fault of the program: its traceback goes to a file, a sentence to the user."""

import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from backend.store import cache_folder

SOFTWARE = 70
"""The exit status of a fault of the program (EX_SOFTWARE of sysexits.h)."""


def keep_traceback(error: BaseException) -> str:
    """Write the traceback under cache/logs, or where temporary files lie; a sentence naming it.

    Where neither can be written it goes to standard error.
    """
    text = "".join(traceback.format_exception(error))
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{type(error).__name__}.txt"
    for folder in (cache_folder() / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return _sentence(error, f"The details are in {folder / name}; send that file along.")
    sys.stderr.write(text)
    return _sentence(error, "The details are on standard error.")


def _sentence(error: BaseException, where: str) -> str:
    return (
        f"This is a fault of the program ({type(error).__name__}), not of what you gave it. "
        f"Nothing that was kept is lost. {where}"
    )
