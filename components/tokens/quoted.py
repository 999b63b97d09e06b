"""A token by itself, in plain text. Pure."""

import unicodedata

LONGEST = 60
"""Characters of a token that are shown."""
SIGNS = (("\r\n", "↵"), ("\n", "↵"), ("\r", "↵"), ("\t", "⇥"))


def shown_token(token: str) -> str:
    """The token on one line, with signs for line breaks and tabs; what is invisible is named."""
    visible = token
    for break_or_tab, sign in SIGNS:
        visible = visible.replace(break_or_tab, sign)
    visible = "".join(
        f"[U+{ord(c):04X}]" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c
        for c in visible
    )
    return visible if len(visible) <= LONGEST else visible[:LONGEST] + "…"


def quoted(token: str) -> str:
    """A token in quotation marks, so that punctuation and spaces are seen as such."""
    visible = shown_token(token)
    if not visible:
        return "part of a character"
    return f"“{visible.strip(' ')}”" if visible.strip(" ") else f"“{'·' * len(visible)}” (space)"
