"""What clamps add to the loss on text: one row below the board."""

import html

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend.experiments.text_loss import TextLoss
from backend.progress import Progress
from backend.wording import signed
from components.charts.palette import RETAIN
from components.progress_bar import in_words


def draw_loss(loss: TextLoss) -> None:
    st.html(loss_html(loss))


def draw_loss_progress(place: DeltaGenerator, progress: Progress) -> None:
    rows = f": {progress.done} of {progress.total} rows" if progress.total else ""
    place.caption(in_words(progress._replace(stage=progress.stage + rows)))


def loss_html(loss: TextLoss) -> str:
    """Every number with what it is over. All text escaped."""
    if loss.n_affected == 0:
        change = ", no clamped feature fires on it"
    else:
        change = (
            f" → <b>{loss.clamped:.3f}</b>, added <b>{signed(loss.added, 3)}</b> "
            f"[{signed(loss.ci_low, 3)}, {signed(loss.ci_high, 3)}]"
        )
    return (
        '<div style="font-size:.92rem;font-variant-numeric:tabular-nums">'
        f'<span style="border-left:4px solid {RETAIN};padding-left:.4rem"><small>TEXT</small> '
        f"{html.escape(loss.title)}</span>: "
        f"cross-entropy {loss.baseline:.3f} nats a token{change}<br>"
        '<small style="padding-left:.6rem;opacity:.75">'
        f"over {loss.n_tokens:,} tokens in {loss.n_rows} rows, {loss.n_affected} touched; "
        "95 % interval over rows</small></div>"
    )
