"""One question as the model sees it.

Every token with its bounds, the tokens at which features fire, and what is scored.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from backend.data.questions import LETTERS
from backend.engine.engine import Engine
from backend.experiments.permutation import permutation_check
from backend.interventions.method import Setting
from backend.interventions.rival import Rival
from backend.reading.seen import (
    SeenGate,
    SeenOption,
    SeenQuestion,
    SeenToken,
    chosen,
    probability,
)
from backend.wording import with_minus
from components.charts.along import along_chart
from components.charts.palette import HIGHLIGHT
from components.messages import showcase_off
from components.pictures import show_chart
from components.progress_bar import saying
from components.tokens.view import opacity
from components.wording import plain

_EDGE = "box-shadow:inset 1px 0 rgba(128,128,128,.45)"
SIGNS = {"\n": "↵", "\t": "⇥"}
MOST_LISTED = 40


def unnamed(feature: int) -> str:
    """Of a feature whose name is not known."""
    return ""


def draw_question_view(
    view: SeenQuestion,
    clamped: bool = True,
    rival: Rival | None = None,
    *,
    name: Callable[[int], str] = unnamed,
    link: Mapping[str, str] = MappingProxyType({}),
    anatomy: bool = False,
) -> bool:
    """The question with a line above and one below that say what is seen.

    `clamped`: the features asked for are the ones a user clamped, and the scores after are with
    those clamps, or with the `rival` in their place. `name` says what a feature is; `link` are the
    query parameters that bring the board back on its page. With `anatomy` there is a button for
    it: returns whether the user asked for it.
    """
    asked = False
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(chosen_line(view) if clamped else f"**{plain(view.question.question)}**")
        if anatomy:
            st.space("stretch")
            asked = st.button(
                "Anatomy",
                icon=":material/biotech:",
                key="question_anatomy",
                help="This answer at every strength, and without each feature",
            )
    st.caption(heading(view, clamped) if rival is None else rival_heading(view, rival))
    st.html(view_html(view, clamped, name, link))
    st.caption(legend(view))
    if view.gate is not None:
        _draw_gate(view.gate)
    return asked


def chosen_line(view: SeenQuestion) -> str:
    """What was chosen instead of what, as Markdown."""
    found = chosen(view)
    change = "" if found.change == "unchanged" else f"**{found.change.capitalize()}:** "
    return f"{change}{plain(found.sentence)}."


def _draw_gate(gate: SeenGate) -> None:
    st.write(gate.in_words())
    show_chart(
        along_chart(gate_rows(gate), gate.gate.tau, gate.gate.kind),
        "gate_along",
        alt="The gate's statistic along the tokens, and tau.",
    )
    st.caption(
        "The statistic as far as each token, as if the text ended there; the dot at the end "
        "decides."
        + (
            " A line for each option, read after the shared tokens."
            if len(gate.sequences) > 1
            else ""
        )
    )


def gate_rows(gate: SeenGate) -> pd.DataFrame:
    """A row a token and sequence, for the chart."""
    return pd.DataFrame(
        [
            {
                "sequence": "question" if s.option is None else f"with {LETTERS[s.option]}",
                "position": i + 1,
                "token": visible(token),
                "statistic": value,
                "state": "open" if s.open else "closed",
            }
            for s in gate.sequences
            for i, (token, value) in enumerate(zip(s.tokens, s.along, strict=True))
        ]
    )


def draw_orders(engine: Engine, place: int, setting: Setting) -> None:
    """Asks the question in all orders of its options when the user wants it.

    Draws nothing where prompts do not show the options.
    """
    if engine.setup.scoring != "letter" or showcase_off():
        return
    if st.button("Ask it in all 24 orders of its options", key=f"orders_{place}"):
        waiting = st.empty()
        with st.spinner("Asking in all 24 orders…"):
            check = permutation_check(engine, place, setting, saying(waiting))
        waiting.empty()
        st.caption(check.in_words())


def heading(view: SeenQuestion, clamped: bool) -> str:
    what = "a clamped feature" if clamped else "the feature"
    tokens = view.all_tokens()
    at = sum(bool(token.fired) for token in tokens)
    where = f"{at} of them" if at else "none of them, so nothing changes here"
    if at and view.gate is not None and not view.gate.n_open:
        where += ", but the gate stays closed, so nothing changes here"
    return (
        f"{plain(view.set)}, question {view.question.index}: the {len(tokens)} tokens the model "
        f"reads; {what} fires on {where}."
    )


def rival_heading(view: SeenQuestion, rival: Rival) -> str:
    tokens = f"{len(view.all_tokens())} tokens the model reads"
    acts = {
        "rmu": "other weights read them",
        "prompt": "the prompt is read before them",
    }.get(rival.kind, "the direction moves the residual at all of them but those underlined")
    return f"{plain(view.set)}, question {view.question.index}: the {tokens}; {acts}."


def legend(view: SeenQuestion) -> str:
    said = ["A thin line begins a token, ↵ is a line break, the darker the stronger the feature."]
    if any(token.exempt for token in view.all_tokens()):
        said.append("Dotted underline: a position no clamp touches.")
    if any(option.tokens for option in view.options):
        said.append(
            "Each option is read after the shared tokens, by itself; "
            "of its last token only the probability counts."
        )
    return " ".join(said)


def view_html(
    view: SeenQuestion,
    clamped: bool,
    name: Callable[[int], str] = unnamed,
    link: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The tokens, the options with their shares before and after, and where which feature fires,
    with its name and a link to its page. All text escaped.
    """
    top = max((act for _, _, act in view.fired()), default=0.0)
    rows = "".join(
        _option_html(letter, choice, option, letter == LETTERS[view.question.answer], clamped, top)
        for letter, choice, option in zip(LETTERS, view.question.choices, view.options, strict=True)
    )
    heads = ("Option", "What is read and scored", "P, share of the four", "Score")
    head = "".join(
        f'<th scope="col" style="text-align:left;padding:.2rem .8rem .2rem 0">{title}</th>'
        for title in heads
    )
    return (
        f'<div style="padding:.4rem 0 .8rem">{tokens_html(view.tokens, top)}</div>'
        '<div style="overflow-x:auto">'
        '<table style="border-collapse:collapse;font-size:.92rem;'
        'font-variant-numeric:tabular-nums">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{_fired_html(view, name, link)}"
    )


def _option_html(
    letter: str, choice: str, option: SeenOption, right: bool, clamped: bool, top: float
) -> str:
    one = len(option.scored) == 1
    by_letter = one and option.scored[0].strip() == letter
    if (option.tokens or one) and not by_letter:
        last = f'<span style="{_EDGE};opacity:.6">{_text(option.scored[-1])}</span>'
        read = tokens_html(option.tokens, top) + last
    else:
        scored = " or ".join(_quoted(token) for token in option.scored)
        read = f"{html.escape(choice)} <small style='opacity:.75'>scored by {scored}</small>"
    share = probability(option.p_before) + (
        f" → <b>{probability(option.p_after)}</b>" if clamped else ""
    )
    score = with_minus(f"{option.before:.2f}" + (f" → {option.after:.2f}" if clamped else ""))
    cells = (f"<b>{letter}</b>{' ✓ right' if right else ''}", read, share, score)
    row = "".join(
        '<td style="padding:.25rem .8rem .25rem 0;border-top:1px solid rgba(128,128,128,.25);'
        f'vertical-align:top">{cell}</td>'
        for cell in cells
    )
    return f"<tr>{row}</tr>"


def tokens_html(tokens: Sequence[SeenToken], top: float) -> str:
    """Running text with every token's bounds."""
    text = "".join(_token_html(token, top) for token in tokens)
    return (
        '<span dir="auto" style="white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.8">'
        f"{text}</span>"
    )


def _token_html(token: SeenToken, top: float) -> str:
    style = [_EDGE]
    title = f"token {token.id}"
    if token.exempt:
        style.append("text-decoration:underline dotted")
    if token.fired:
        style.append(
            f"background:rgba({HIGHLIGHT},{opacity(token.fired[0][1], top):.2f});font-weight:700"
        )
        title += "".join(f"; feature {feature}: {act:.2f}" for feature, act in token.fired)
    focus = ' tabindex="0"' if token.fired else ""
    broken = "<br>" if token.text.endswith("\n") else ""
    return (
        f'<span{focus} title="{title}" style="{";".join(style)}">{_text(token.text)}</span>{broken}'
    )


def _fired_html(view: SeenQuestion, name: Callable[[int], str], link: Mapping[str, str]) -> str:
    fired = view.fired()
    if not fired:
        return ""
    of_feature: dict[int, list[str]] = {}
    for feature, token, act in fired[:MOST_LISTED]:
        of_feature.setdefault(feature, []).append(f"{_quoted(token)} {act:.2f}")
    more = (
        f"<li>and at {len(fired) - MOST_LISTED} more places</li>"
        if len(fired) > MOST_LISTED
        else ""
    )
    items = "".join(
        f"<li>{_feature_html(feature, name(feature), link)} fires at {', '.join(places)}</li>"
        for feature, places in of_feature.items()
    )
    return (
        f'<ul style="margin:.6rem 0 0 1.1rem;columns:2 26rem;column-gap:2.5rem">{items}{more}</ul>'
    )


def _feature_html(feature: int, called: str, link: Mapping[str, str]) -> str:
    """A link to the feature's page, which opens with the same board."""
    address = urlencode({**link, "feature": str(feature)})
    said = f"feature {feature}" + (f" · {html.escape(called)}" if called else "")
    return (
        f'<a href="feature?{html.escape(address)}" target="_self" style="color:inherit">{said}</a>'
    )


def visible(token: str) -> str:
    """Every character to be seen, also those that would draw nothing or turn the text round."""
    seen = "".join(
        SIGNS.get(c) or (c if c == " " or c.isprintable() else f"[U+{ord(c):04X}]") for c in token
    )
    return seen or "[no text]"


def _text(token: str) -> str:
    """The same as HTML."""
    return html.escape(visible(token))


def _quoted(token: str) -> str:
    return f"“{_text(token)}”"
