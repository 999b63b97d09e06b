"""Nobody gets past the gate without the password, and nobody by another name."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from components.serving.gate import Gate, host_of
from components.serving.password import hashed
from components.serving.visitor import VISITOR, is_one

RIGHT = "correct horse"
HTML = {"accept": "text/html"}


async def _page(request):
    return PlainTextResponse("inside")


async def _socket(socket):
    await socket.accept()
    await socket.send_text("inside")
    await socket.close()


def client(password_hash, pause_s=0.0):
    gate = Middleware(Gate, names=("lab", "::1"), password_hash=password_hash, pause_s=pause_s)
    routes = [
        WebSocketRoute("/_stcore/stream", _socket),
        Route("/{rest:path}", _page, methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
    ]
    return TestClient(
        Starlette(routes=routes, middleware=[gate]), "http://lab", follow_redirects=False
    )


@pytest.fixture(scope="module")
def kept():
    return hashed(RIGHT)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize(
    "path", ["/", "/words", "/_stcore/upload_file/a/b", "/media/x", "/sign-in/"]
)
def test_nothing_is_served_to_who_is_not_signed_in(kept, method, path):
    for headers in ({}, HTML, {"cookie": "clampboard=guess"}):
        answer = client(kept).request(method, path, headers=headers)
        assert "inside" not in answer.text
        assert answer.status_code in (200, 401)


def test_the_socket_is_closed_to_who_is_not_signed_in(kept):
    with (
        pytest.raises(WebSocketDisconnect),
        client(kept).websocket_connect("/_stcore/stream", headers={"host": "lab"}),
    ):
        pass


def test_the_password_opens_pages_and_socket_and_leads_back(kept):
    c = client(kept)
    form = c.get("/clamp?clamps=2:-40&x=%22%3E", headers=HTML)
    assert 'value="/clamp?clamps=2:-40&amp;x=%22%3E"' in form.text
    wrong = c.post("/sign-in", data={"password": "wrong horse", "to": "/words"})
    assert wrong.status_code == 403
    assert "not the password" in wrong.text
    assert "inside" not in c.get("/words").text
    right = c.post("/sign-in", data={"password": RIGHT, "to": "/words?a=1"})
    assert (right.status_code, right.headers["location"]) == (303, "/words?a=1")
    assert "HttpOnly" in right.headers["set-cookie"]
    assert c.get("/words").text == "inside"
    with c.websocket_connect(
        "/_stcore/stream",
        headers={"host": "lab", "cookie": right.headers["set-cookie"].split(";")[0]},
    ) as socket:
        assert socket.receive_text() == "inside"


@pytest.mark.parametrize(
    "to", ["//evil.org", "https://evil.org", "/\\evil.org", "", "/a\r\nb: c", "/sign-in"]
)
def test_signing_in_leads_to_no_other_server(kept, to):
    answer = client(kept).post("/sign-in", data={"password": RIGHT, "to": to})
    assert answer.headers["location"] == "/"


def test_another_sites_form_and_a_huge_one_are_refused(kept):
    data = {"password": RIGHT, "to": "/"}
    assert (
        client(kept).post("/sign-in", data=data, headers={"origin": "http://evil.org"}).status_code
        == 403
    )
    assert client(kept).post("/sign-in", content=b"x" * 100_000).status_code == 413


@pytest.mark.parametrize(
    "name", ["evil.org", "lab.evil.org", "x@lab", "", "lab/x", "lab:x", "[::1"]
)
def test_a_request_by_another_name_is_refused_with_and_without_a_password(kept, name):
    for c in (client(kept), client(None)):
        assert c.get("/", headers={"host": name}).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect),
        client(None).websocket_connect("/_stcore/stream", headers={"host": name}),
    ):
        pass


def test_the_name_is_read_without_port_case_and_last_dot():
    assert [host_of(h) for h in ("LAB:8501", "lab.", "[::1]:80")] == ["lab", "lab", "::1"]
    assert client(None).get("/", headers={"host": "[::1]:80"}).text == "inside"


def test_wrong_tries_wait_for_each_other_over_all_browsers_and_others_do_not(kept):
    with client(kept, pause_s=1) as c:
        inside = TestClient(c.app, "http://lab")
        inside.cookies.set(
            "clampboard", c.post("/sign-in", data={"password": RIGHT}).cookies["clampboard"]
        )
        c.cookies.clear()
        start = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            tries = [
                pool.submit(c.post, "/sign-in", data={"password": "wrong one"}) for _ in range(2)
            ]
            time.sleep(0.1)
            assert (
                c.get("/", headers={"cookie": f"clampboard={inside.cookies['clampboard']}"}).text
                == "inside"
            )
            assert time.monotonic() - start < 1
        assert {t.result().status_code for t in tries} == {403}
        assert time.monotonic() - start >= 2


async def _document(request):
    return HTMLResponse("<p>inside")


def visited(password_hash=None, base="http://lab", **cookies):
    """What is given to a browser that asks for a page, and then for what is on it."""
    gate = Middleware(Gate, names=("lab",), password_hash=password_hash, pause_s=0.0)
    routes = [Route("/file.js", _page), Route("/{rest:path}", _document)]
    c = TestClient(Starlette(routes=routes, middleware=[gate]), base, cookies=cookies)
    return [c.get(path, headers=HTML).headers.get("set-cookie", "") for path in ("/file.js", "/")]


def test_a_browser_is_known_again_by_a_random_cookie_given_with_a_page_alone():
    of_file, of_page = visited()
    assert of_file == ""
    name, _, rest = of_page.partition("=")
    assert name == VISITOR
    assert is_one(rest.partition(";")[0])
    for said in ("HttpOnly", "SameSite=lax", "Max-Age=31536000", "Path=/"):
        assert said in rest
    assert "Secure" not in rest
    assert "Secure" in visited(base="https://lab")[1]
    assert visited()[1] != of_page


def test_who_has_the_cookie_keeps_it_and_what_is_none_is_replaced():
    assert visited(**{VISITOR: "x" * 43}) == ["", ""]
    for odd in ("x", "x" * 44, "../" * 14 + "x"):
        assert VISITOR in visited(**{VISITOR: odd})[1]


def test_who_is_not_signed_in_is_given_none(kept):
    assert visited(kept) == ["", ""]


def test_a_showcase_gives_none(monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    assert visited() == ["", ""]
