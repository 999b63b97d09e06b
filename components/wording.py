"""Words as a page shows them."""

import re

_JOINER = "\u2060"
"""A word joiner: it shows nothing."""
_MARKS = re.compile(r"[\\`*_{}\[\]<>()#+\-!|~$:&]|^=")
_NUMBERED = re.compile(r"^(\d+)\.")
_PATTERNS = re.compile(
    r":(?=\S)|@|(?<![^\W_])www(?=\.)|(?<!\S)(?=(?:<->|->|<-|--|>=|<=|~=)(?!\S))", re.IGNORECASE
)
"""What is looked for once backslashes are gone: addresses, :material/icons:, :emoji: and arrows."""


def plain(text: str) -> str:
    """Text that Streamlit's Markdown shows as it stands, on one line.

    Backslashes keep what is read as a mark; a word joiner breaks what is read as a pattern.
    """
    line = " ".join(text.split())
    line = _PATTERNS.sub(rf"\g<0>{_JOINER}", line)
    line = _MARKS.sub(r"\\\g<0>", line)
    return _NUMBERED.sub(r"\1\\.", line)
