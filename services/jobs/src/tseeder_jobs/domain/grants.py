"""Grants: the right to read one file until a time, as text that only jobs can have made."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_kit.errors import AppError, not_found

LASTS: Final = timedelta(hours=12)
"""As long as somebody may watch one film, with pauses: a player asks the same URL again at every seek."""
CHARS: Final = 96
_FIELDS: Final = struct.Struct(">16s16sQ")  # user, file, when it expires in seconds since 1970
_MAC_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Grant:
    """Whose file may be read until when."""

    user_id: UUID
    file_id: UUID
    expires_at: datetime


def signed(grant: Grant, key: bytes) -> str:
    """CHARS characters of the URL-safe alphabet."""
    body = _FIELDS.pack(grant.user_id.bytes, grant.file_id.bytes, int(grant.expires_at.timestamp()))
    return base64.urlsafe_b64encode(body + _mac(body, key)).decode()


def verified(text: str, key: bytes, now: datetime) -> Grant:
    """NOT_FOUND `content_url_expired` for what was not signed with `key`, or has expired."""
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True) if len(text) == CHARS else b""
    except (binascii.Error, ValueError) as exc:
        raise content_url_expired() from exc
    body, mac = raw[: _FIELDS.size], raw[_FIELDS.size :]
    if len(mac) != _MAC_BYTES or not hmac.compare_digest(mac, _mac(body, key)):
        raise content_url_expired()
    user, file, seconds = _FIELDS.unpack(body)
    grant = Grant(UUID(bytes=user), UUID(bytes=file), datetime.fromtimestamp(seconds, UTC))
    if grant.expires_at <= now:
        raise content_url_expired()
    return grant


def content_url_expired() -> AppError:
    """It never was one, its time is over, or its file is gone: told alike."""
    return not_found("content_url_expired", "This address has expired. Ask for the file's content again.")


def _mac(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)
