"""The gate before everything a server gives: whose name it was asked by, and who is signed in."""

import asyncio
import html
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend import showcase
from components.serving.password import MOST, matches
from components.serving.signed_in import COOKIE, TOKEN, signed_in
from components.serving.visitor import VISITOR, introducing, is_one

SIGN_IN = "/sign-in"
PAUSE_S = 1.0
"""After a wrong password, before the next try of anybody."""
MOST_WAITING = 20
MOST_BYTES = 16_384
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Gate:
    """Around the app: requests by another name get 403, and those not signed in a form, or 401.

    Tries are taken one at a time over all browsers; whoever is signed in does not wait for them.
    """

    def __init__(
        self,
        app: ASGIApp,
        names: Sequence[str],
        password_hash: str | None,
        pause_s: float = PAUSE_S,
    ):
        """`password_hash` is as components.serving.password gives it; None lets everybody in."""
        self._app = app
        self._names = frozenset(names)
        self._hash = password_hash
        self._pause_s = pause_s
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if host_of(headers.get("host", "")) not in self._names:
            refused: Response = PlainTextResponse("This server has another name.", 403)
        elif self._hash is None or signed_in(_cookies(scope).get(COOKIE)):
            await self._app(scope, receive, self._introducing(scope, send))
            return
        elif scope["type"] == "websocket":
            refused = PlainTextResponse("Not signed in.", 401)
        elif scope["path"] == SIGN_IN and scope["method"] == "POST":
            refused = await self._try(Request(scope, receive))
        elif scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", ""):
            refused = _form(_local(_asked(scope)))
        else:
            refused = PlainTextResponse("Not signed in.", 401)
        if scope["type"] == "websocket":
            # Closed before it is accepted: the server answers the handshake with 403.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await refused(scope, receive, send)

    @staticmethod
    def _introducing(scope: Scope, send: Send) -> Send:
        """A browser that was never here is given what it is known again by; a showcase keeps
        nothing.
        """
        known = is_one(_cookies(scope).get(VISITOR))
        if scope["type"] != "http" or known or showcase.is_on():
            return send
        return introducing(send, secure=scope.get("scheme") == "https")

    async def _try(self, request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin not in (None, "null") and urlsplit(origin).netloc != request.headers.get("host"):
            return PlainTextResponse("Sign in on this server's own page.", 403)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return PlainTextResponse("Too long.", 413)
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=8)
        password, to = (fields.get(name, [""])[0] for name in ("password", "to"))
        if self._waiting >= MOST_WAITING:
            return _form(_local(to), "Too many are trying at this moment. Wait a minute.", 429)
        self._waiting += 1
        try:
            async with self._turn:
                assert self._hash is not None
                right = len(password) <= MOST and await asyncio.to_thread(
                    matches, password, self._hash
                )
                if not right:
                    await asyncio.sleep(self._pause_s)
        finally:
            self._waiting -= 1
        if not right:
            return _form(_local(to), "That is not the password.", 403)
        answer = RedirectResponse(_local(to), 303, headers=HEADERS)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, TOKEN, httponly=True, samesite="lax", secure=secure)
        return answer


def host_of(header: str) -> str:
    """The name in a Host header, without its port; empty for what is none."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return ""
    if parts.netloc != header or "@" in header:
        return ""
    return (parts.hostname or "").rstrip(".")


def _cookies(scope: Scope) -> dict[str, str]:
    return Request({**scope, "type": "http"}).cookies


def _asked(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return scope["path"] + (f"?{query}" if query else "")


def _local(to: str) -> str:
    """Where to go after signing in: a path of this server, or its first page."""
    fits = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
    return to if fits and len(to) < 8_000 and not to.startswith(SIGN_IN) else "/"


def _form(to: str, said: str = "", status: int = 200) -> Response:
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Clampboard: sign in</title>"
        '<meta name=viewport content="width=device-width">'
        "<style>:root{color-scheme:light dark}body{font:1rem sans-serif;max-width:22rem;"
        "margin:20vh auto;padding:0 1rem}input,button{font:inherit;padding:.4rem .6rem;"
        "width:100%;box-sizing:border-box;margin:.3rem 0}</style>"
        f'<main><h1>Clampboard</h1><form method=post action="{SIGN_IN}">'
        f'<input type=hidden name=to value="{html.escape(to)}">'
        "<label>Password<input type=password name=password required autofocus "
        "autocomplete=current-password></label><button>Sign in</button></form>"
        f"<p role=alert>{html.escape(said)}</p></main></html>",
        status,
        HEADERS,
    )
