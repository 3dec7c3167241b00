"""Links to some files of a user, whose tokens are told once."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.links import PREFIX_CHARS, LinkRow, Terms, expiry, link_not_found
from tseeder_jobs.store import links, locks
from tseeder_jobs.store.links import NewLink, Shared
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.entitle import refresh_limits
from tseeder_jobs.usecases.read_files import file_not_found
from tseeder_kit.clock import now
from tseeder_kit.errors import conflict, exhausted, unprocessable
from tseeder_kit.ids import random_token, uuid7
from tseeder_pg import Tx, retrying, transaction

MOST: Final = 10_000
"""Of one user, at once."""


@dataclass(frozen=True, slots=True)
class Created:
    """Links in the order of their files, and their tokens; no tokens: an earlier request has told them."""

    links: list[LinkRow]
    tokens: list[str] = field(repr=False)


def token_hash(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode()).digest()


async def create_links(ctx: Context, user_id: UUID, file_ids: Sequence[UUID], terms: Terms) -> Created:
    """A link to each of the files, all or none. The same request under its idempotency key: the links it made.

    Errors: NOT_FOUND `file_not_found`; INVALID `expires_at_past`, `expires_at_too_late`; EXHAUSTED `too_many_links`;
    UNAVAILABLE `link_passwords_busy`; UNPROCESSABLE `idempotency_key_reused` with another request; for a replay after
    one of its links was revoked CONFLICT `link_revoked`, after one went with its file NOT_FOUND `link_not_found`.
    """
    fingerprint = _fingerprint(ctx, file_ids, terms)
    await refresh_limits(ctx, user_id)
    async with transaction(ctx.pool) as tx:  # first without the work for a password
        replayed = await _replay(tx, user_id, len(file_ids), terms, fingerprint)
        if replayed is not None:
            return replayed
        await _lock_files(tx, user_id, file_ids)
    password_hash = None
    if terms.password:
        with ctx.passwords.place():
            password_hash = await ctx.passwords.hash(terms.password)

    async def create() -> Created:
        async with transaction(ctx.pool) as tx:
            await locks.lock_links(tx, user_id)
            replayed = await _replay(tx, user_id, len(file_ids), terms, fingerprint)
            if replayed is not None:
                return replayed
            shared = Shared(
                user_id=user_id,
                password_hash=password_hash,
                download_limit=terms.download_limit,
                # After the replay: a repeated request stays good when its expiry has passed.
                expires_at=expiry(terms.expires_at, now()),
                idempotency_key=terms.idempotency_key or None,
                fingerprint=fingerprint,
            )
            return await _insert(tx, file_ids, shared)

    return await retrying(create)


async def _insert(tx: Tx, file_ids: Sequence[UUID], shared: Shared) -> Created:
    jobs = await _lock_files(tx, shared.user_id, file_ids)
    await _make_room(tx, shared.user_id, len(file_ids))
    tokens = [random_token() for _ in file_ids]
    made = [
        NewLink(uuid7(), jobs[file_id], file_id, token_hash(token), token[:PREFIX_CHARS])
        for file_id, token in zip(file_ids, tokens, strict=True)
    ]
    await links.insert(tx, made, shared)
    return Created(await links.read(tx, [link.link_id for link in made]), tokens)


async def _lock_files(tx: Tx, user_id: UUID, file_ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
    """Their jobs. NOT_FOUND `file_not_found`."""
    jobs = await links.lock_files(tx, user_id, list(set(file_ids)))
    if any(file_id not in jobs for file_id in file_ids):
        raise file_not_found()
    return jobs


async def _make_room(tx: Tx, user_id: UUID, wanted: int) -> None:
    """Ended links are kept for a while, unless their owner needs the room."""
    if await links.count(tx, user_id) + wanted <= MOST:
        return
    await links.drop_ended(tx, user_id)
    if await links.count(tx, user_id) + wanted > MOST:
        raise exhausted("too_many_links", f"A user has at most {MOST} links. Revoke some.", limit=MOST)


async def _replay(tx: Tx, user_id: UUID, wanted: int, terms: Terms, fingerprint: bytes) -> Created | None:
    if not terms.idempotency_key:
        return None
    made = await links.of_request(tx, user_id, terms.idempotency_key)
    if not made:
        return None
    if made[0]["fingerprint"] != fingerprint:
        raise unprocessable("idempotency_key_reused", "This Idempotency-Key was used with another request.")
    if any(row["revoked"] for row in made):
        raise conflict("link_revoked", "The link that this Idempotency-Key made is revoked.")
    rows = await links.read(tx, [row["link_id"] for row in made])
    if len(rows) != wanted:
        raise link_not_found()
    return Created(rows, [])


def _fingerprint(ctx: Context, file_ids: Sequence[UUID], terms: Terms) -> bytes:
    """Keyed, since it is of a password, too: nobody who reads the database can try passwords on it."""
    parts = [[str(file_id) for file_id in file_ids], _text(terms.expires_at), terms.download_limit, terms.password]
    return hmac.digest(ctx.keyring.derived("links"), json.dumps(parts).encode(), "sha256")


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
