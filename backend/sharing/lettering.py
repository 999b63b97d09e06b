"""How wide text is, so that a picture can wrap and shorten it. Pure.

The widths are Liberation Sans's, which ships with vl-convert and has Arial's and Helvetica's: a
picture in any of the three has the same lines.
"""

import unicodedata

FAMILY = "Liberation Sans, Arial, Helvetica, sans-serif"
_REGULAR = """
    278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556
    556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778
    667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556
    556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584
"""
_BOLD = """
    278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556
    556 556 333 333 584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778
    667 778 722 667 611 722 667 944 667 667 611 333 278 333 584 556 333 556 611 556 611 556 333 611
    611 278 278 556 278 889 611 611 611 611 389 556 333 611 556 778 556 556 500 389 280 389 584
"""
_WIDTHS = {
    bold: {chr(32 + i): int(width) for i, width in enumerate(table.split())}
    for bold, table in ((False, _REGULAR), (True, _BOLD))
}
"""Thousandths of the size, of the printable characters of ASCII."""
_BEYOND = {
    **dict.fromkeys("→—…", 1000),
    **dict.fromkeys("−×–±", 584),
    **dict.fromkeys("“”", 500),
    **dict.fromkeys("’‘·", 333),
}
_OTHER = 1250
"""Of all others, of which the widest are pictures."""
ELLIPSIS = "…"


def one_line(text: str) -> str:
    """Without what XML cannot hold or a picture cannot show."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def width(text: str, size: float, bold: bool = False) -> float:
    """In the units of `size`; of characters beyond ASCII it is an upper bound."""
    return sum(_width(c, bold) for c in text) * size / 1000


def _width(c: str, bold: bool) -> int:
    letter = unicodedata.normalize("NFD", c)[0]  # an accent takes no room
    if unicodedata.combining(letter):
        return 0
    return _WIDTHS[bold].get(letter, _BEYOND.get(letter, _OTHER))


def _n_fitting(text: str, size: float, most: float, bold: bool) -> int:
    """How many of its first characters fit."""
    left = most * 1000 / size
    for n, c in enumerate(text):
        left -= _width(c, bold)
        if left < 0:
            return n
    return len(text)


def shortened(text: str, size: float, most: float, bold: bool = False) -> str:
    """The text on one line of at most `most`, its end an ellipsis where it was longer."""
    text = one_line(text)
    if _n_fitting(text, size, most, bold) == len(text):
        return text
    n = _n_fitting(text, size, most - width(ELLIPSIS, size, bold), bold)
    return text[:n].rstrip() + ELLIPSIS


def wrapped(text: str, size: float, most: float, lines: int, bold: bool = False) -> list[str]:
    """At most so many lines of at most `most`; a word longer than a line is broken, and the last
    line ends in an ellipsis where there is more.
    """
    left, found = one_line(text), list[str]()
    while left and len(found) < lines - 1:
        n = _n_fitting(left, size, most, bold)
        if n < len(left) and left[n] != " ":
            space = left.rfind(" ", 0, n)
            n = space if space > 0 else max(n, 1)
        found.append(left[:n].rstrip())
        left = left[n:].lstrip()
    return [*found, shortened(left, size, most, bold)] if left else found
