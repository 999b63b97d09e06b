"""What a worker is handed in the place of a cell's own task: one cell ends the process."""

import os
import signal
from typing import Any


def end_or_answer(cell: dict[str, Any]) -> dict[str, Any]:
    """As a worker whose memory runs out ends, at strength 0; nothing is imported for the others."""
    if cell["strength"] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"format": 1, "cell": cell["key"], "made_of": {"machine": ""}, "figures": []}
