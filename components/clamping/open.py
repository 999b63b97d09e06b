"""What comes back to the page: a link that somebody sent, or an exported file."""

from collections.abc import Callable

import streamlit as st

from backend.engine.engine import Engine
from backend.errors import BadInput, ClampboardError
from backend.evaluation.evaluate import Evaluation
from backend.interventions.board import Board
from backend.sharing.compare import compare
from backend.sharing.links import Which, folder_of, open_text
from backend.sharing.run_file import RunFile, read_run_file
from components.wording import plain

OnFile = Callable[[str, RunFile | BadInput], None]
OnLink = Callable[[Board, Which], None]


def draw_open(
    engine: Engine,
    problem: str,
    on_link: OnLink,
    on_file: OnFile,
    on_problem: Callable[[str], None],
) -> None:
    """A button that opens both ways in.

    `on_link` is called with what a pasted link sets; `on_file` with the name of a file, and what
    was read of it or why it was refused; `on_problem` with why a link was refused, which comes back
    as `problem`.
    """
    with st.popover("Open", icon=":material/folder_open:", key="open"):
        with st.form("open_link", border=False):
            st.text_input(
                "Paste a link",
                key="open_text",
                placeholder="https://…?saved=… or ?clamps=…",
                help="A long link, a short one, or the ten characters of a short one.",
            )
            st.form_submit_button(
                "Open the link",
                icon=":material/link:",
                on_click=_open_link,
                args=(engine, on_link, on_problem),
            )
        if problem:
            st.warning(plain(problem), icon=":material/link_off:")
        st.file_uploader(
            "Open an exported file",
            "json",
            key="take_file",
            on_change=_open_file,
            args=(engine.d_sae, on_file),
        )


def _open_link(engine: Engine, on_link: OnLink, on_problem: Callable[[str], None]) -> None:
    try:
        board, half = open_text(folder_of(engine), st.session_state.open_text, engine.d_sae)
        engine.check(board.setting())
    except ClampboardError as error:
        on_problem(str(error))
    else:
        on_link(board, half)


def _open_file(d_sae: int, on_file: OnFile) -> None:
    if (file := st.session_state.take_file) is not None:
        on_file(file.name, read_file(file.getvalue(), d_sae))


def read_file(content: bytes, d_sae: int) -> RunFile | BadInput:
    """What an exported file holds, or why it is refused."""
    try:
        return read_run_file(content, d_sae)
    except BadInput as error:
        return error


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
