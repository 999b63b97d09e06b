"""What a notebook shows, as HTML. Pure: text is data, every piece of it is escaped.

Colours are the notebook's own, on light and dark. The class stands twice where Jupyter's rule for
tables, which puts all cells to the right, would win.
"""

import html
from collections.abc import Sequence
from dataclasses import replace

from backend.engine.engine import Half
from backend.evaluation.evaluate import SetResult, pooled
from backend.evaluation.light import passed
from backend.experiments.verdict import Verdict
from backend.reading.examples import Example, shortened
from backend.reading.feature_page import AROUND, FeaturePage, firing_in_words
from backend.sharing.report import check_item, sets_table

STYLE = """<style>
.clampboard { line-height: 1.45; max-width: 60rem; overflow-x: auto; }
.clampboard p { margin: .2rem 0; }
.clampboard .says { font-size: 1.1em; font-weight: 600; }
.clampboard small { opacity: .8; }
.clampboard table {
  border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; color: inherit;
}
.clampboard.clampboard table :is(th, td) {
  text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0;
  border: 0; border-top: 1px solid rgba(128, 128, 128, .35);
}
.clampboard.clampboard table th { border-top: 0; }
.clampboard :is(.line, .text) { overflow-wrap: anywhere; unicode-bidi: isolate; }
.clampboard .text { white-space: pre-wrap; }
.clampboard .texts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; }
.clampboard .texts > div { flex: 1 1 16rem; }
.clampboard code { white-space: pre; }
.clampboard mark { color: inherit; border-radius: 2px; }
.clampboard a { color: inherit; text-decoration: underline; }
</style>"""
STRONGEST = 0.5
"""Opacity of the mark behind the token a feature fires strongest at."""
PROMOTED = 10
"""Tokens of either kind."""


def lines_html(lines: Sequence[str]) -> str:
    """Lines, the first of which is what they are about."""
    first, *others = map(_, lines)
    return _whole(f'<p class="says">{first}</p>', *(f"<p>{line}</p>" for line in others))


def tried_html(name: str, half: Half | None, verdict: Verdict, sets: Sequence[SetResult]) -> str:
    """The verdict, the sets, and how many checks passed, with all of them behind it."""
    over = "" if half is None else f", figures over the {half} half"
    retain = pooled(sets, "retain")
    several = sum(s.role == "retain" for s in sets) > 1
    shown = [*sets, *([replace(retain, title="all retain sets")] if several else [])]
    look = [light.name for light in verdict.lights if light.ok is False]
    return _whole(
        f"<p>{_(name)}{_(over)}</p>",
        f'<p class="says">{_(verdict.sentence)}</p>',
        f"<p>{_(verdict.held_out)}</p>" if verdict.held_out else "",
        f"<p><small>{_(verdict.damage.in_words)}</small></p>" if verdict.damage else "",
        sets_table(shown),
        f"<details><summary>{_(passed(verdict.lights))}",
        f"; look at: {_(', '.join(look))}" if look else "",
        f"</summary><ul>{''.join(map(check_item, verdict.lights))}</ul></details>",
    )


def texts_html(prompt: str, texts: Sequence[tuple[str, str]]) -> str:
    """Titles and texts side by side."""
    each = (
        f'<div><small>{_(title)}</small><p class="text" dir="auto">{_(text)}</p></div>'
        for title, text in texts
    )
    said = f'<p class="says text" dir="auto">{_(prompt)}</p>'
    return _whole(said, f'<div class="texts">{"".join(each)}</div>')


def feature_html(page: FeaturePage, name: str) -> str:
    """What it is called, how often it fires, where it fires strongest, what it promotes."""
    source = f" <small>({_(page.label_source)})</small>" if page.label_source else ""
    link = (
        f'<p><a href="{_(page.neuronpedia)}" target="_blank" rel="noopener">on Neuronpedia</a></p>'
        if page.neuronpedia
        else ""
    )
    rows = "".join(
        f"<tr><td>{e.values[e.at]:.1f}</td><td>{_lit(shortened(e, AROUND), page.max_act)}<br>"
        f"<small>{_(e.corpus)}</small></td></tr>"
        for e in page.examples
    )
    return _whole(
        f'<p class="says">{page.feature} · {_(name)}{source}</p>',
        *(f"<p>{_(line)}</p>" for line in firing_in_words(page)),
        f"<table><tbody>{rows}</tbody></table>" if rows else "",
        _tokens("Promotes", page.promoted),
        _tokens("Suppresses", page.suppressed),
        link,
    )


def _lit(example: Example, top: float) -> str:
    """A line of text; where the feature fires, the darker the stronger, its activation on hover."""
    out = []
    for i, (token, value) in enumerate(zip(example.tokens, example.values, strict=True)):
        text = f"<b>{_(token)}</b>" if i == example.at else _(token)
        if value > 0 and token:
            share = STRONGEST * min(1.0, value / top)
            ground = f"background:rgba(255, 140, 0, {share:.2f})"
            text = f'<mark style="{ground}" title="{value:.2f}">{text}</mark>'
        out.append(text)
    return f'<span class="line" dir="auto">{"".join(out)}</span>'


def _tokens(what: str, tokens: Sequence[str]) -> str:
    said = ", ".join(f"<code>{_(repr(token))}</code>" for token in tokens[:PROMOTED])
    return f"<p><small>{what}</small> {said}</p>"


def _whole(*parts: str) -> str:
    return f'<div class="clampboard">{STYLE}{"".join(parts)}</div>'


def _(text: str) -> str:
    return html.escape(text)
