"""What leaves the page: a short link and the long one, a card for a slide, files.

The short link is made, and the card shown, once the popover is open: it then reruns alone, as soon
as nothing else runs, and never stops a run.
"""

import urllib.parse
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import streamlit as st

from backend import showcase
from backend.engine.engine import Engine
from backend.errors import ClampboardError
from backend.evaluation.evaluate import Evaluation
from backend.interventions.board import Board
from backend.sharing.card import COLOURS, Look, card, facts, png
from backend.sharing.export import export, to_text
from backend.sharing.links import SAVED, folder_of, save
from backend.sharing.report import report
from backend.sharing.snippet import snippet
from components.wording import plain

COMING = "The short link and a look at the card come when what runs now is done."
LOOKS: tuple[Look, ...] = tuple(COLOURS)


class Way(NamedTuple):
    """One file to take away."""

    label: str
    about: str
    suffix: str
    mime: str
    make: Callable[[], str]


@st.fragment
def draw_share(
    engine: Engine, evaluation: Evaluation, board: Board, half: str, link: Mapping[str, str]
) -> None:
    """A button that opens all ways out.

    `evaluation` is complete, over all questions, and of the board's setting; `link` are the
    parameters that bring the page back.
    """
    acting = evaluation.setting.rival
    what = f"{len(evaluation.clamps)}_features" if acting is None else acting.kind
    name = f"clampboard_{engine.setup.name}_{what}"
    with st.popover("Share", icon=":material/ios_share:", key="share", on_change="rerun") as place:
        short = ""
        if not place.open:
            st.caption(COMING)
        elif link and not showcase.is_on():
            short = _draw_short(engine, link)
        _draw_long(link, folded=bool(short))
        _draw_card(engine, evaluation, short, name, shown=bool(place.open))
        _draw_files(engine, evaluation, board, half, name)


def address(parameters: Mapping[str, str]) -> str:
    """Of this page with these parameters."""
    page = (st.context.url or "").partition("?")[0]
    query = urllib.parse.urlencode(parameters, safe=":,!")
    return f"{page}?{query}" if query else page


def _draw_short(engine: Engine, link: Mapping[str, str]) -> str:
    """The short link; empty if it cannot be kept, which is said."""
    try:
        short = address({SAVED: save(folder_of(engine), link)})
    except ClampboardError as error:
        st.warning(plain(str(error)), icon=":material/link_off:")
        return ""
    st.caption("A link to these very settings, kept on this server; it holds no figures.")
    st.code(short, language=None, wrap_lines=True)
    return short


def _draw_long(link: Mapping[str, str], folded: bool) -> None:
    about = "Holds the settings itself, so that any server of this setup opens it."
    if folded:
        with st.expander("The long link, which needs no server"):
            st.caption(about)
            st.code(address(link), language=None, wrap_lines=True, height=140)
    else:
        st.caption(about)
        text = address(link)
        height: Literal["content"] | int = "content" if len(text) < 300 else 140
        st.code(text, language=None, wrap_lines=True, height=height)


def _draw_card(engine: Engine, evaluation: Evaluation, short: str, name: str, shown: bool) -> None:
    """The card to look at, once it is to be `shown`, and its files."""
    look = LOOKS[0]
    if shown:
        look = st.segmented_control(
            "A card for a slide", LOOKS, default=look, key="share_look", required=True
        )
        said = facts(engine, evaluation, short)
        picture: str | bytes = card(said, look)
        try:
            picture = png(card(said, look))
        except ClampboardError as error:
            st.warning(plain(str(error)))
        st.image(picture, alt=said.sentence, width="stretch")

    def svg() -> str:
        return card(facts(engine, evaluation, short), look)

    pictures: list[tuple[str, Callable[[], str | bytes], str]] = [
        ("PNG", lambda: png(svg()), "image/png"),
        ("SVG", svg, "image/svg+xml"),
    ]
    with st.container(horizontal=True):
        for label, make, mime in pictures:
            st.download_button(
                f"Card as {label}",
                make,
                f"{name}_card.{label.lower()}",
                mime,
                key=f"share_card_{label}",
                help="One picture for a slide, 1600 x 900.",
                on_click="ignore",
                icon=":material/image:",
            )


def _draw_files(engine: Engine, evaluation: Evaluation, board: Board, half: str, name: str) -> None:
    ways = [
        Way(
            "Everything in one file",
            "Settings, figures, every answer, and the hashes of all they depend on. "
            "Opened under Open, or run again from a shell with evaluate --from.",
            "json",
            "application/json",
            lambda: to_text(export(engine, evaluation, board, half)),
        ),
        Way(
            "A page to print or send",
            "For somebody without this program: board, charts, settings, caveats.",
            "html",
            "text/html",
            lambda: report(engine, evaluation),
        ),
    ]
    if evaluation.setting.rival is None:
        program = Way(
            "A Python program",
            "The same clamp with transformer-lens and sae-lens alone.",
            "py",
            "text/x-python",
            lambda: snippet(engine, evaluation.setting),
        )
        ways.append(program)
    for way in ways:
        st.download_button(
            way.label,
            way.make,
            f"{name}.{way.suffix}",
            way.mime,
            key=f"take_{way.suffix}",
            help=way.about,
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
