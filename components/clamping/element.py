"""An element of this package: the script and the style sheet that stand beside its module."""

from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent


def element(name: str) -> Any:
    """The element of `name`.js and `name`.css; what every script makes its parts with (element.js)
    goes before it.
    """

    def text(file: str) -> str:
        return (HERE / file).read_text(encoding="utf-8")

    return st.components.v2.component(
        f"clamp_{name}", css=text(f"{name}.css"), js=text("element.js") + text(f"{name}.js")
    )
