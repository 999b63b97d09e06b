"""The app on a server of its own."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from backend.store import ROOT


@contextmanager
def running(environment: Mapping[str, str], script: str | None = None) -> Iterator[str]:
    """Its address, on a free port; ended by its own id. Another `script` may stand in its place."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    of_ours = ["components.serving", "--port", str(port)]
    of_script = ["streamlit", "run", str(script), "--server.port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", *(of_ours if script is None else of_script)],
        cwd=ROOT,
        env={**environment, "STREAMLIT_SERVER_HEADLESS": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://localhost:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(20)
