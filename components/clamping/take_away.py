"""What leaves the page and comes back.

The link, the file, the page to print, the program; and a file opened here.
"""

import urllib.parse
from collections.abc import Callable, Mapping
from typing import NamedTuple

import streamlit as st

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation
from backend.interventions.board import Board
from backend.sharing.compare import compare
from backend.sharing.export import export, to_text
from backend.sharing.report import report
from backend.sharing.run_file import RunFile, read_run_file
from backend.sharing.snippet import snippet
from components.wording import plain

OnOpen = Callable[[str, RunFile | BadInput], None]


class Way(NamedTuple):
    """One file to take away."""

    label: str
    about: str
    suffix: str
    mime: str
    make: Callable[[], str]


def draw_take_away(
    engine: Engine,
    evaluation: Evaluation,
    board: Board,
    half: str,
    link: Mapping[str, str],
    on_open: OnOpen,
) -> None:
    """A button that opens all ways out.

    `evaluation` is complete, over all questions, and of the board's setting. `on_open` is called
    with the name of a file that was opened here, and what was read of it or why it was refused.
    """
    rival = evaluation.setting.rival
    acting = f"{len(evaluation.clamps)}_features" if rival is None else rival.kind
    name = f"clampboard_{engine.setup.name}_{acting}"
    ways = [
        Way(
            "Everything in one file",
            "Settings, figures, every answer, and the hashes of all they depend on. "
            "Opened below, or run again from a shell with evaluate --from.",
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
    if rival is None:
        program = Way(
            "A Python program",
            "The same clamp with transformer-lens and sae-lens alone.",
            "py",
            "text/x-python",
            lambda: snippet(engine, evaluation.setting),
        )
        ways.append(program)
    with st.popover("Take away", icon=":material/ios_share:"):
        st.caption("A link that opens these very settings; it holds no figures.")
        page = (st.context.url or "").split("?")[0]
        st.code(
            f"{page}?{urllib.parse.urlencode(link, safe=':,!')}", language=None, wrap_lines=True
        )
        for way in ways:
            st.download_button(
                way.label,
                way.make,
                f"{name}.{way.suffix}",
                way.mime,
                key=f"take_{way.suffix}",
                on_click="ignore",
                icon=":material/download:",
                width="stretch",
            )
            st.caption(way.about)
        st.file_uploader(
            "Open an exported file",
            "json",
            key="take_file",
            on_change=_open,
            args=(engine.d_sae, on_open),
        )


def read_file(content: bytes, d_sae: int) -> RunFile | BadInput:
    """What an exported file holds, or why it is refused."""
    try:
        return read_run_file(content, d_sae)
    except BadInput as error:
        return error


def _open(d_sae: int, on_open: OnOpen) -> None:
    if (file := st.session_state.take_file) is not None:
        on_open(file.name, read_file(file.getvalue(), d_sae))


def draw_opened(
    engine: Engine, evaluation: Evaluation, name: str, found: RunFile | BadInput | None
) -> None:
    """What became of a file that was opened.

    It was refused, and why; or its figures beside those computed here.
    """
    if isinstance(found, BadInput):
        st.warning(f"{plain(name)}: {plain(str(found))}", icon=":material/upload_file:")
    elif isinstance(found, RunFile) and found.setting == evaluation.setting:
        comparison = compare(found, evaluation, engine)
        show = st.success if comparison.verdict == "same" else st.warning
        show(
            f"{plain(name)}: {plain(comparison.sentence())}"
            + "".join(f"\n* {plain(line)}" for line in comparison.lines()),
            icon=":material/upload_file:",
        )
