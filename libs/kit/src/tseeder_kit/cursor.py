"""Keyset cursors: where a list goes on, signed, so that a client can only send back what it was given.

The text is URL-safe base64 of 16 bytes of HMAC-SHA256 and the JSON of the values. It is signed, not secret: put into
it only what the caller has seen. Use a key per list (`derive_key`), and put the list's filters among the values, so
that a cursor of one list is refused by another.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Final, TypeAlias

from tseeder_kit.errors import AppError, invalid

Value: TypeAlias = str | int

MAX_CURSOR_CHARS: Final = 4096
_MAC_BYTES: Final = 16


def derive_key(secret: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose (`auth.users`), from a secret that serves several."""
    return hmac.digest(secret, b"tseeder cursor " + purpose.encode(), hashlib.sha256)


def encode(key: bytes, values: Sequence[Value]) -> str:
    """The cursor for the position `values`: the sort keys of the last row that was shown, and the list's filters."""
    body = json.dumps(list(values), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_mac(key, body) + body).rstrip(b"=").decode()


def decode(key: bytes, text: str) -> list[Value]:
    """The values of a cursor that `encode` made with this key.

    Raises AppError INVALID `bad_cursor` for anything else: forged, cut, of another list, made under a former key.
    """
    if len(text) > MAX_CURSOR_CHARS:
        raise _bad_cursor()
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise _bad_cursor() from None
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, body)):
        raise _bad_cursor()
    values: list[Value] = json.loads(body)
    return values


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:_MAC_BYTES]


def _bad_cursor() -> AppError:
    return invalid("bad_cursor", "The cursor is not one that this list gave out.")
