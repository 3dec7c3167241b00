"""Secrets that clients hold: session, CSRF and bootstrap tokens, and API keys. Only their SHA-256 is stored."""

import base64
import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from typing import Final

_BASE62: Final = string.ascii_letters + string.digits
_BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"
_API_KEY: Final = re.compile(r"(tsk_([a-z2-7]{8})_[0-9A-Za-z]{32})_([a-z2-7]{7})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiKeyText:
    """`tsk_<prefix>_<secret>_<checksum>`: the whole text is the secret, the prefix is what lists show."""

    text: str
    prefix: str


def new_api_key() -> ApiKeyText:
    """A new key: 40 random bits of prefix, 190 of secret, and a CRC-32 so that a mistyped one is known offline."""
    prefix = "".join(secrets.choice(_BASE32) for _ in range(8))
    body = f"tsk_{prefix}_" + "".join(secrets.choice(_BASE62) for _ in range(32))
    return ApiKeyText(f"{body}_{_checksum(body)}", prefix)


def parse_api_key(text: str) -> ApiKeyText | None:
    """The key, or None for what was never one: wrong shape or wrong checksum. Needs no database."""
    match = _API_KEY.fullmatch(text)
    if match is None or _checksum(match[1]) != match[3]:
        return None
    return ApiKeyText(text, match[2])


def _checksum(body: str) -> str:
    crc = zlib.crc32(body.encode()).to_bytes(4, "big")
    return base64.b32encode(crc).decode().rstrip("=").lower()


def token_hash(text: str) -> bytes:
    """What is stored of a secret with 190 random bits or more: nobody searches those, so no slow hash is needed."""
    return hashlib.sha256(text.encode()).digest()


def csrf_token(session_token: str) -> str:
    """The CSRF token of a session. Who knows the session token can make it; who only rides on its cookie cannot."""
    mac = hmac.digest(session_token.encode(), b"tseeder csrf 1", hashlib.sha256)
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
