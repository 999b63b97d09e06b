"""What clamps add to the loss on text: one row below the board."""

import html

import streamlit as st

from backend.experiments.text_loss import TextLoss
from components.charts.all import RETAIN


def draw_loss(loss: TextLoss) -> None:
    st.html(loss_html(loss))


def loss_html(loss: TextLoss) -> str:
    """Every number with what it is over. All text escaped."""
    if loss.n_affected == 0:
        change = ", no clamped feature fires on it"
    else:
        change = (
            f" → <b>{loss.clamped:.3f}</b>, added <b>{signed(loss.added)}</b>"
            f" [{signed(loss.ci_low)}, {signed(loss.ci_high)}]"
        )
    return (
        '<div style="font-size:.92rem;font-variant-numeric:tabular-nums"><span'
        f' style="border-left:4px solid {RETAIN};padding-left:.4rem"><small>TEXT</small>'
        f" {html.escape(loss.title)}</span>: cross-entropy {loss.baseline:.3f} nats a"
        f' token{change}<br><small style="padding-left:.6rem;opacity:.75">over {loss.n_tokens:,}'
        f" tokens in {loss.n_rows} rows, {loss.n_affected} touched; 95 % interval over"
        " rows</small></div>"
    )


def signed(nats: float) -> str:
    """Three decimals, a sign and a real minus; zero has none."""
    text = f"{abs(nats):.3f}"
    return text if float(text) == 0 else ("−" if nats < 0 else "+") + text
