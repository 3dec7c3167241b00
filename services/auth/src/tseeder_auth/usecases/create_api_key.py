"""A new API key, whose secret is told once."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tseeder_auth.domain.accounts import ApiKey, Client
from tseeder_auth.domain.roles import Caller, granted_scopes
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.domain.text import one_line
from tseeder_auth.domain.tokens import new_api_key, token_hash
from tseeder_auth.store import api_keys, security_events
from tseeder_auth.store.api_keys import NewKey
from tseeder_auth.usecases.prove import lock_caller
from tseeder_kit import clock
from tseeder_kit.errors import conflict, exhausted, invalid, unprocessable
from tseeder_kit.ids import uuid7
from tseeder_pg import Pool, Tx, feed, transaction

MAX_KEYS: Final = 100
MAX_NAME_CHARS: Final = 100
MAX_IDEMPOTENCY_CHARS: Final = 255


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What the caller asks for; no scopes: all of his. No `idempotency_key` ("") : every call makes a key."""

    name: str
    scopes: Sequence[str]
    expires_at: datetime | None
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """The key, and its secret, which is "" when an earlier call has told it."""

    key: ApiKey
    secret: str


async def create_api_key(pool: Pool, caller: Caller, request: KeyRequest, client: Client) -> CreatedKey:
    """Makes a key, in a session: whoever got hold of a key would make others by it, which its end would not end.

    Errors: FORBIDDEN `scope_missing`, `scope_escalation`, `session_needed` (an API key calls), `account_suspended`;
    UNAUTHENTICATED `session_invalid`; INVALID `bad_text`, `unknown_scope`, `expires_at_past`, `bad_idempotency_key`;
    EXHAUSTED `too_many_api_keys`; UNPROCESSABLE `idempotency_key_reused` with another request; CONFLICT
    `api_key_revoked` for a replay after the key was revoked.
    """
    caller.require("me:write")
    name = one_line("name", request.name, longest=MAX_NAME_CHARS)
    scopes = granted_scopes(request.scopes, caller.scopes)
    caller.require_session()
    _check_idempotency_key(request.idempotency_key)
    fingerprint = _fingerprint(name, request)
    async with transaction(pool) as tx:
        # One key at a time for a user: so neither the limit nor an idempotency key can be raced.
        await lock_caller(tx, caller)
        replayed = await _replay(tx, caller, request.idempotency_key, fingerprint)
        if replayed is not None:
            return CreatedKey(replayed, "")
        # After the replay: a repeated request stays good when its expiry has passed.
        if request.expires_at is not None and request.expires_at <= clock.now():
            raise invalid("expires_at_past", "expires_at must be in the future.")
        if await api_keys.count_keys(tx, caller.user_id) >= MAX_KEYS:
            raise exhausted("too_many_api_keys", f"A user has at most {MAX_KEYS} API keys.", limit=MAX_KEYS)
        secret = new_api_key()
        new = NewKey(
            key_id=uuid7(),
            user_id=caller.user_id,
            name=name,
            prefix=secret.prefix,
            secret_hash=token_hash(secret.text),
            scopes=scopes,
            expires_at=request.expires_at,
            idempotency_key=request.idempotency_key or None,
            fingerprint=fingerprint,
        )
        key = await api_keys.insert_key(tx, new)
        details = {"key_id": str(key.key_id), "name": key.name, "scopes": " ".join(key.scopes)}
        await security_events.record(tx, EventKind.KEY_CREATED, caller.user_id, client, details=details)
        await feed.append(tx, "api_key.created", key.key_id, {"user_id": str(caller.user_id)})
    return CreatedKey(key, secret.text)


async def _replay(tx: Tx, caller: Caller, idempotency_key: str, fingerprint: bytes) -> ApiKey | None:
    if not idempotency_key:
        return None
    found = await api_keys.find_by_idempotency(tx, caller.user_id, idempotency_key)
    if found is None:
        return None
    key, of_request = found
    if of_request != fingerprint:
        raise unprocessable("idempotency_key_reused", "This Idempotency-Key was used for another request.")
    if key.revoked_at is not None:
        raise conflict("api_key_revoked", "The API key that this request made is revoked.")
    return key


def _check_idempotency_key(text: str) -> None:
    if len(text) > MAX_IDEMPOTENCY_CHARS or not (text.isascii() and (text.isprintable() or not text)):
        raise invalid(
            "bad_idempotency_key", f"An Idempotency-Key has at most {MAX_IDEMPOTENCY_CHARS} visible ASCII characters."
        )


def _fingerprint(name: str, request: KeyRequest) -> bytes:
    expires_at = None if request.expires_at is None else request.expires_at.isoformat()
    return hashlib.sha256(json.dumps([name, sorted(set(request.scopes)), expires_at]).encode()).digest()
