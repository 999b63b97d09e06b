"""The real server: which names and pages of others it refuses, and how it ends."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial

import pytest

from backend.store import ROOT

SOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
GATED = ("-m", "components.serving")
BY_HAND = ("-m", "streamlit", "run", "app.py", "--server.headless", "true")


def start(kind, tmp_path, before=None, **options):
    """The process, in a group of its own, and its port, once it answers; `before` runs in it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flag = "--port" if kind is GATED else "--server.port"
    environment = {**os.environ, "CLAMPBOARD_CACHE": str(tmp_path), "BROWSER": "true", **options}
    environment["STREAMLIT_SERVER_HEADLESS"] = "true"
    process = subprocess.Popen(
        [sys.executable, *kind, flag, str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=before,
    )
    for _ in range(300):
        try:
            status(port, "/_stcore/health")
            break
        except OSError:
            time.sleep(0.1)
    return process, port


def status(port, path="/", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}", **headers})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(scope="module", params=[GATED, BY_HAND], ids=["make app", "by hand"])
def server(request, tmp_path_factory):
    process, port = start(request.param, tmp_path_factory.mktemp("cache"))
    yield request.param, port
    process.terminate()
    process.communicate(timeout=20)


def test_a_foreign_name_or_origin_does_not_get_the_socket(server):
    kind, port = server
    stream = "/_stcore/stream"
    assert status(port, stream, **SOCKET) == 101
    assert status(port, stream, **SOCKET, Origin=f"http://localhost:{port}") == 101
    assert status(port, stream, **SOCKET, Host="127.0.0.1") == 101
    assert status(port, stream, **SOCKET, Host="[::1]") == 101
    evil = f"evil.example:{port}"
    assert status(port, stream, **SOCKET, Host=evil) == 403
    assert status(port, stream, **SOCKET, Host=evil, Origin=f"http://{evil}") == 403
    assert status(port, stream, **SOCKET, Origin="http://evil.example") == 403
    assert status(port) == 200
    if kind is GATED:
        assert status(port, Host=evil) == 403
        assert status(port, "/_stcore/health", Host=evil) == 403


@pytest.mark.parametrize(
    ("number", "ends_with"), [(signal.SIGINT, "Stopped.\n"), (signal.SIGTERM, "")]
)
def test_a_signal_ends_it_and_all_it_started(tmp_path, number, ends_with):
    # As a shell starts what it puts into the background.
    ignored = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    process, _ = start(GATED, tmp_path, ignored)
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: -15}[number]
    assert out.endswith(ends_with)
    assert "Traceback" not in out
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_the_recipe_leaves_nobody_between_make_and_the_server():
    told = subprocess.run(
        ["make", "-n", "app", "HOST=0.0.0.0"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    line = next(line for line in told.splitlines() if "components.serving" in line)
    assert "exec " in line
    assert '--host "0.0.0.0"' in line


def test_errors_hide_their_details_and_sizes_are_bounded():
    import tomllib

    config = tomllib.loads((ROOT / ".streamlit/config.toml").read_text(encoding="utf-8"))
    assert config["client"]["showErrorDetails"] == "none"
    assert config["server"]["maxUploadSize"] <= 50
    assert config["server"]["maxMessageSize"] <= 50
