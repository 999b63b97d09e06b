"""The cookie by which a browser is known again: random, and of nothing else."""

import re
import secrets
from typing import TypeGuard

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Send

VISITOR = "clampboard_visitor"
YEAR_S = 365 * 24 * 3600
FORM = re.compile(r"[A-Za-z0-9_-]{43}")
"""Of secrets.token_urlsafe(32)."""


def is_one(cookie: object) -> TypeGuard[str]:
    """Of anything: in Streamlit's own tests cookies are not even texts."""
    return isinstance(cookie, str) and FORM.fullmatch(cookie) is not None


def introducing(send: Send, secure: bool) -> Send:
    """Gives the browser a cookie with the first page it is sent; not with what pages load, which
    it asks for in parallel, so that each would come with another one.
    """

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            if headers.get("content-type", "").startswith("text/html"):
                headers.append("set-cookie", _cookie(secure))
        await send(message)

    return sending


def _cookie(secure: bool) -> str:
    made = Response()
    made.set_cookie(
        VISITOR,
        secrets.token_urlsafe(32),
        max_age=YEAR_S,
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return Headers(raw=made.raw_headers)["set-cookie"]
