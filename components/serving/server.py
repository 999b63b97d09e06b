"""Streamlit's server with the gate before it."""

import signal
import sys
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from components.messages import say_fault
from components.serving.address import Address
from components.serving.gate import Gate


def run(at: Address, port: int | None, password_hash: str | None) -> None:
    """Serve the pages until a signal ends it; Ctrl+C raises KeyboardInterrupt."""
    script = Path(__file__).resolve().parents[2] / "app.py"
    app = st.App(
        script,
        middleware=[Middleware(Gate, names=at.names, password_hash=password_hash)],
        on_script_error=say_fault,
    )
    options: dict[str, Any] = {
        "server.address": at.listen,
        "server.allowedHosts": list(at.names),
    }
    if port is not None:
        options["server.port"] = port
    if at.public:
        options["server.headless"] = True
    # A shell lets what it starts in the background ignore SIGINT: uvicorn would end without a word.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Streamlit looks beside the program's first argument for its settings, and for the pages.
    sys.argv[:] = [str(script)]
    app.run(config=options)
