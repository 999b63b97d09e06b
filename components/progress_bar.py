"""How far long work is, as a bar and in words."""

from streamlit.delta_generator import DeltaGenerator

from backend.evaluation.evaluate import Evaluation
from backend.progress import OnProgress, Progress
from components.wording import plain


def show_progress(bar: DeltaGenerator, progress: Progress) -> None:
    """The stage, how much of it is done, and the time left where it is known."""
    share = progress.done / progress.total if progress.total else 0.0
    bar.progress(share, in_words(progress))


def in_words(progress: Progress) -> str:
    """What is being done or waited for, and about how long that takes where it is known."""
    return f"{plain(progress.stage)}…{left(progress.seconds_left)}"


def saying(place: DeltaGenerator) -> OnProgress:
    """Says each report in that place of a page."""

    def say(progress: Progress) -> None:
        place.caption(in_words(progress))

    return say


def left(seconds: float | None) -> str:
    """The time left, to stand behind what is being done; empty where it is not known."""
    return "" if seconds is None else f" · about {seconds:,.0f} s left"


def share_done(evaluation: Evaluation) -> float:
    """Of the affected questions of a growing evaluation; 0 where none is affected."""
    return float(evaluation.done.sum()) / max(1, int(evaluation.affected.sum()))
