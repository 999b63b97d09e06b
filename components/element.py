"""Elements of our own: a script, and often a style sheet, that stand beside their module."""

from pathlib import Path
from typing import Any

import streamlit as st


def element(module: str, name: str, parts: str | None = None) -> Any:
    """The element of the script, and the style sheet if there is one, that are called as `module`.

    `parts` is a script in the same folder that goes before it, for what several make their parts
    with.
    """
    scripts = [Path(module).with_suffix(".js")]
    if parts is not None:
        scripts.insert(0, Path(module).with_name(parts))
    css = Path(module).with_suffix(".css")
    return st.components.v2.component(
        name,
        css=css.read_text(encoding="utf-8") if css.exists() else None,
        js="".join(script.read_text(encoding="utf-8") for script in scripts),
    )
