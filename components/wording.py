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

_ADDRESS = re.compile(r"(https?://[\w.-]+(?::\d+)?(?:/[\w./-]*)?)")


def plain(text: str) -> str:
    """Text that Streamlit's Markdown shows as it stands, on one line.

    Backslashes keep what is read as a mark; a word joiner breaks what is read as a pattern.
    """
    line = " ".join(text.split())
    line = _PATTERNS.sub(rf"\g<0>{_JOINER}", line)
    line = _MARKS.sub(r"\\\g<0>", line)
    return _NUMBERED.sub(r"\1\\.", line)


def sentence(text: str) -> str:
    """The same for a sentence of the program's own, whose web addresses can be followed."""
    parts = _ADDRESS.split(" ".join(text.split()))  # every other one is an address
    kept = [_MARKS.sub(r"\\\g<0>", p) if i % 2 else _within(p) for i, p in enumerate(parts)]
    return "".join(kept)


def _within(part: str) -> str:
    """`plain` of a part of a line, with the spaces at its ends."""
    if not part.strip():
        return part
    before = " " * (len(part) - len(part.lstrip()))
    after = " " * (len(part) - len(part.rstrip()))
    return f"{before}{plain(part)}{after}"
