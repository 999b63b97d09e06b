"""Changes in words: their sign, and the interval behind them; times and sizes."""

from collections.abc import Callable, Sequence

Sign = Callable[[float], str]
"""A change as text, with its sign."""


def with_minus(text: str) -> str:
    """A number's text with a real minus in place of the hyphen."""
    return text.replace("-", "−")


def signed(number: float, digits: int = 1) -> str:
    """With a sign and a real minus; zero has none."""
    text = f"{abs(number):.{digits}f}"
    return text if float(text) == 0 else ("−" if number < 0 else "+") + text


def always_signed(number: float) -> str:
    """One decimal with a sign and a real minus; zero has a sign too."""
    return with_minus(ascii_signed(number))


def ascii_signed(number: float) -> str:
    """One decimal with a sign, for a terminal; zero has a sign too."""
    return f"{number:+.1f}"


def percent(share: float, digits: int = 1) -> str:
    """A share (0 to 1) in percent, such as 71.1 %."""
    return f"{100 * share:.{digits}f} %"


def multiple(times: float) -> str:
    """A strength in multiples of a feature's maximum, such as −3x."""
    return with_minus(f"{times:g}x")


def points(change: float, low: float, high: float, sign: Sign = signed) -> str:
    """A change in percentage points and its interval, such as −3.0 pp [−5.0, −0.9]."""
    return f"{sign(change)} pp [{sign(low)}, {sign(high)}]"


def no_such_set(name: str, names: Sequence[str]) -> str:
    return f"There is no question set '{name}'; this setup has {', '.join(names)}."


def in_time(seconds: float) -> str:
    """A duration as one would say it."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def in_bytes(n: float) -> str:
    return f"{n / 1e9:.1f} GB" if n >= 1e8 else f"{n / 1e6:.0f} MB"
