"""What an agent is shown for a read: an `agent.v1.ReadToken`, signed by jobs for one boot of one agent.

The key is derived from the hash of that boot's credential, which jobs keeps and only the boot itself can compute: no
further secret has to be handed out, and a token dies with the credential.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from google.protobuf.message import DecodeError

from tseeder.agent.v1.read_token_pb2 import ReadToken
from tseeder_kit.errors import AppError, unauthenticated

READ_PATH: Final = "/v1/read"
"""Where agents take such a token, over HTTP."""

_PURPOSE: Final = b"tseeder agent.v1.ReadToken"
_DIGEST_BYTES: Final = 32
MOST_CHARS: Final = 2048


def sign_read(token: ReadToken, credential_hash: bytes) -> str:
    """The token as text for a header."""
    payload = token.SerializeToString()
    return base64.urlsafe_b64encode(_mac(payload, credential_hash) + payload).decode()


def verify_read(text: str, credential_hashes: Iterable[bytes], *, now: datetime | None = None) -> ReadToken:
    """The token, if one of these credentials signed it and it has not expired.

    UNAUTHENTICATED `read_token_invalid` otherwise, without saying which.
    """
    try:
        raw = base64.b64decode(text[:MOST_CHARS].encode("ascii"), altchars=b"-_", validate=True)
        mac, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        if not any(hmac.compare_digest(mac, _mac(payload, each)) for each in credential_hashes):
            raise _invalid()
        token = ReadToken.FromString(payload)
    except (UnicodeEncodeError, binascii.Error, DecodeError) as exc:
        raise _invalid() from exc
    if token.expires_at.ToDatetime(tzinfo=UTC) <= (now or datetime.now(UTC)):
        raise _invalid()
    return token


def _mac(payload: bytes, credential_hash: bytes) -> bytes:
    key = hmac.digest(credential_hash, _PURPOSE, hashlib.sha256)
    return hmac.digest(key, payload, hashlib.sha256)


def _invalid() -> AppError:
    return unauthenticated("read_token_invalid", "This read token is not valid (any more).")
