"""A showcase: visitors look at what is kept and move among it, and nothing is run or written.

`CLAMPBOARD_READONLY=1` makes the program one. What prepares a setup is not held back: it is the
operator's.
"""

import os

from backend.errors import Showcase

SENTENCE = (
    "This is a showcase: everything kept can be looked at, but nothing is run or written here. "
    "Install Clampboard to try settings of your own."
)


def is_on() -> bool:
    """Whether $CLAMPBOARD_READONLY is set to anything but 0."""
    return os.environ.get("CLAMPBOARD_READONLY", "").strip() not in ("", "0")


def refuse() -> None:
    """The first statement of all that runs the model or writes for a user. Raises Showcase."""
    if is_on():
        raise Showcase(SENTENCE)
