"""What a browser shows that is signed in, for as long as this process lives."""

import hmac
import secrets

COOKIE = "clampboard"
TOKEN = secrets.token_urlsafe(32)


def signed_in(shown: str | None) -> bool:
    """Whether a browser's cookie is the one this process gave out."""
    return shown is not None and hmac.compare_digest(shown.encode(), TOKEN.encode())
