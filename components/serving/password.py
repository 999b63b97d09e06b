"""The one password of a team's server, of which a hash is kept."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from backend.errors import BadInput

LEAST = 10
"""Characters; a guess takes a second, whoever makes it."""
MOST = 1_000
N, R, P = 2**15, 8, 1
"""What scrypt takes: 32 MB and a tenth of a second."""
MAX_N, MAX_R, MAX_P = 2**18, 16, 4
KIND = "scrypt"


def hashed(password: str) -> str:
    """The hash in one word, with all that is needed to check a password against it.

    Raises BadInput for a password that is too short or too long.
    """
    if not LEAST <= len(password) <= MOST:
        raise BadInput(
            f"The password needs {LEAST} to {MOST:,} characters; it has {len(password)}."
        )
    salt = secrets.token_bytes(16)
    return ":".join(
        [KIND, str(N), str(R), str(P), _text(salt), _text(_scrypt(password, salt, N, R, P))]
    )


def matches(password: str, kept: str) -> bool:
    """Whether it is the password of this hash; takes as long where it is not.

    Raises BadInput for what is no hash.
    """
    n, r, p, salt, digest = _parts(kept)
    return hmac.compare_digest(_scrypt(password[: MOST + 1], salt, n, r, p), digest)


def kept_hash() -> str | None:
    """The hash in $CLAMPBOARD_PASSWORD_HASH or else in cache/password; None where there is none.

    Raises BadInput for one that cannot be read.
    """
    kept = os.environ.get("CLAMPBOARD_PASSWORD_HASH", "").strip()
    if not kept:
        try:
            kept = password_file().read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise BadInput(
                f"{password_file()} cannot be read ({error}). "
                "Set the password anew with make password."
            ) from None
    _parts(kept)
    return kept


def keep(word: str) -> None:
    """Keep a hash in cache/password, for this user's eyes. Raises Unavailable."""
    from backend.store import replacing

    with replacing(password_file()) as scratch:
        scratch.write_text(f"{word}\n", encoding="ascii")
    password_file().chmod(0o600)


def password_file() -> Path:
    from backend.store import cache_folder  # PyTorch with it, which a start does not wait for

    return cache_folder() / "password"


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)


def _parts(kept: str) -> tuple[int, int, int, bytes, bytes]:
    try:
        kind, n, r, p, salt, digest = kept.split(":")
        numbers = int(n), int(r), int(p)
        salt_bytes, digest_bytes = (
            base64.b64decode(part, altchars=b"-_", validate=True) for part in (salt, digest)
        )
    except (ValueError, binascii.Error):
        raise _no_hash() from None
    fits = all(0 < x <= most for x, most in zip(numbers, (MAX_N, MAX_R, MAX_P), strict=True))
    power = numbers[0] > 1 and numbers[0] & (numbers[0] - 1) == 0
    if kind != KIND or not fits or not power or len(digest_bytes) != 32:
        raise _no_hash()
    return *numbers, salt_bytes, digest_bytes


def _no_hash() -> BadInput:
    return BadInput(
        "The password's hash, in CLAMPBOARD_PASSWORD_HASH or cache/password, cannot be read. "
        "Make one with make password."
    )


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii")
