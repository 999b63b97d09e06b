"""A written text as HTML, token by token: how likely each was, and where it parts from another.
Pure: text is data, every piece of it is escaped.

A token's log-probability shows on hover; all of a text's show when it has the focus, by the Tab key
or a tap.
"""

import html
import math
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher

from backend.experiments.generate import Written
from backend.wording import percent, signed
from components.charts.palette import HIGHLIGHT

STYLE = f"""<style>
.wt {{ white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.6; border-radius: 3px; }}
.wt span {{ position: relative; }}
.wt .wt-other {{
  background: rgba({HIGHLIGHT}, .18); border-bottom: 2px solid rgb({HIGHLIGHT});
}}
.wt:focus-visible {{ outline: 2px solid rgb({HIGHLIGHT}); outline-offset: 3px; }}
.wt span:hover::after {{
  content: attr(data-value); position: absolute; left: 0; bottom: 100%; z-index: 9;
  padding: .1rem .4rem; background: #1f2328; color: #fff; border-radius: 3px;
  font: 600 .8rem/1.3 sans-serif; white-space: nowrap;
}}
.wt:focus span:not(:hover)::after {{
  content: attr(data-short); font: 600 .65em/1 sans-serif; vertical-align: super;
  padding-left: .1em;
}}
</style>"""
"""Goes once before any of the HTML below, in the same element."""


def written_html(written: Written, label: str, other: Collection[int] = ()) -> str:
    """The text without the space around it. `label` says which text it is; `other` are the indices
    of the tokens to be marked.
    """
    n = len(written.text) - len(written.text.lstrip())
    left = len(written.text.strip())
    out = []
    for i, (token, log_prob) in enumerate(zip(written.tokens, written.log_probs, strict=True)):
        shown = token[n:][:left]
        n, left = max(0, n - len(token)), left - len(shown)
        if shown:
            out.append(_token(shown, log_prob, i in other))
    return (
        f'<div dir="auto" class="wt" tabindex="0" role="group" aria-label="{html.escape(label)}">'
        f"{''.join(out)}</div>"
    )


def _token(shown: str, log_prob: float, other: bool) -> str:
    value, short = html.escape(in_words(log_prob)), signed(log_prob, 1)
    kind = ' class="wt-other"' if other else ""
    return f'<span{kind} data-value="{value}" data-short="{short}">{html.escape(shown)}</span>'


def in_words(log_prob: float) -> str:
    """Such as "log-probability −0.43 (65.1 %)"."""
    return f"log-probability {signed(log_prob, 2)} ({percent(math.exp(log_prob))})"


def parting(one: Sequence[int], other: Sequence[int]) -> tuple[frozenset[int], frozenset[int]]:
    """Indices of the tokens of each text that the other does not have at that place."""
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    mine, theirs = set(range(len(one))), set(range(len(other)))
    for a, b, size in blocks:
        mine -= set(range(a, a + size))
        theirs -= set(range(b, b + size))
    return frozenset(mine), frozenset(theirs)
