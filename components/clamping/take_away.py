"""What leaves the page and comes back: the link, the file, the page to print, the program; and a
file opened here.
"""

import urllib.parse

import streamlit as st

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.evaluate import Evaluation
from backend.sharing.export import Exported, compare, differences, export, read_export, to_text
from backend.sharing.report import report
from backend.sharing.snippet import snippet
from components import state
from components.frame import plain


def draw_take_away(engine: Engine, evaluation: Evaluation) -> None:
    """A button that opens all ways out. `evaluation` is complete, over all questions, and of the
    board's clamps.
    """
    board = state.board()
    half = state.half()
    name = f"clampboard_{engine.setup.name}_{len(evaluation.clamps)}_features"
    with st.popover("Take away", icon=":material/ios_share:"):
        st.caption("A link that opens these very settings; it holds no figures.")
        st.code(
            f"{(st.context.url or '').split('?')[0]}?{urllib.parse.urlencode(state.link(), safe=':,!')}",
            language=None,
            wrap_lines=True,
        )
        for label, about, file, mime, make in (
            (
                "Everything in one file",
                (
                    "Settings, figures, every answer, and the hashes of all they depend on. Opened"
                    " below, or run again from a shell with evaluate --from."
                ),
                "json",
                "application/json",
                lambda: to_text(export(engine, evaluation, board, half)),
            ),
            (
                "A page to print or send",
                "For somebody without this program: board, charts, settings, caveats.",
                "html",
                "text/html",
                lambda: report(engine, evaluation),
            ),
            (
                "A Python program",
                "The same clamp with transformer-lens and sae-lens alone.",
                "py",
                "text/x-python",
                lambda: snippet(engine, evaluation.clamps),
            ),
        ):
            st.download_button(
                label,
                make,
                f"{name}.{file}",
                mime,
                key=f"take_{file}",
                on_click="ignore",
                icon=":material/download:",
                width="stretch",
            )
            st.caption(about)
        st.file_uploader(
            "Open an exported file",
            "json",
            key="take_file",
            on_change=_open,
            args=(engine.sae.d_sae,),
        )


def _open(d_sae: int) -> None:
    if (file := st.session_state.take_file) is None:
        return
    try:
        exported = read_export(file.getvalue().decode("utf-8"), d_sae)
    except UnicodeDecodeError:
        state.set_opened(
            file.name, BadInput("The file is no text in UTF-8: it is no export of this program.")
        )
    except BadInput as error:
        state.set_opened(file.name, error)
    else:
        state.set_opened(file.name, exported)
        state.set_half(exported.half)
        state.set_board(exported.board, redraw=True)


def draw_opened(engine: Engine, evaluation: Evaluation) -> None:
    """What became of the file that was opened: refused and why; or its figures beside those
    computed here.
    """
    name, found = state.opened()
    if isinstance(found, BadInput):
        st.warning(f"{plain(name)}: {plain(str(found))}", icon=":material/upload_file:")
    elif isinstance(found, Exported) and found.clamps == evaluation.clamps:
        rerun, different = compare(found, evaluation, engine), differences(found, engine)
        show = st.success if rerun.same and not different else st.warning
        show(
            f"{plain(name)}: {rerun.sentence()}"
            + "".join(f"\n* {plain(line)}" for line in different),
            icon=":material/upload_file:",
        )
