"""Registrations that wait for their address to be confirmed. No account is made before, so several can wait for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.emails import Email
from tseeder_pg import Record, Tx


@dataclass(frozen=True, slots=True)
class Pending:
    """One of them. `contested`: its address had an account, or another password that waited, in its life."""

    pending_id: UUID
    email: str
    contested: bool


LOCK_ADDRESS: Final[str] = "SELECT pg_advisory_xact_lock(hashtextextended('tseeder.auth.pending:' || $1, 0))"


async def lock_address(tx: Tx, email_key: str) -> None:
    """Until the transaction ends nobody else registers or confirms this address."""
    await tx.execute(LOCK_ADDRESS, email_key)


INSERT_PENDING: Final[str] = """
INSERT INTO pending_registrations
    (pending_id, email_key, email, password_hash, fingerprint, contested, terms_version, expires_at)
VALUES ($1, $2, $3, $4, $5, $6 OR EXISTS (
        SELECT FROM pending_registrations
        WHERE email_key = $2 AND fingerprint <> $5  -- also one whose time is over: its owner may come yet
    ), $7, clock_timestamp() + $8::interval)
ON CONFLICT (email_key, email, fingerprint) DO UPDATE
SET contested = pending_registrations.contested OR EXCLUDED.contested, terms_version = EXCLUDED.terms_version,
    terms_accepted_at = EXCLUDED.terms_accepted_at, expires_at = EXCLUDED.expires_at
RETURNING pending_id
"""
CONTEST_OTHERS: Final[str] = """
UPDATE pending_registrations SET contested = true WHERE email_key = $1 AND fingerprint <> $2
"""


@dataclass(frozen=True, slots=True)
class NewPending:
    """What is kept of a registration. `taken`: there is an account with its address."""

    pending_id: UUID
    email: Email
    password_hash: str
    fingerprint: bytes
    terms_version: str
    taken: bool


async def contest_others(tx: Tx, email_key: str, fingerprint: bytes) -> None:
    """What waits for an address with other passwords may be somebody else's."""
    await tx.execute(CONTEST_OTHERS, email_key, fingerprint)


async def insert_pending(tx: Tx, new: NewPending, lifetime: timedelta) -> UUID:
    """One more that waits, or the same one as before for longer."""
    pending_id: UUID = await tx.fetchval(
        INSERT_PENDING,
        new.pending_id,
        new.email.key,
        new.email.shown,
        new.password_hash,
        new.fingerprint,
        new.taken,
        new.terms_version,
        lifetime,
    )
    return pending_id


HAS_PENDING: Final[str] = """
SELECT EXISTS (
    SELECT FROM pending_registrations
    WHERE email_key = $1 AND fingerprint = ANY ($2::bytea[]) AND expires_at > clock_timestamp()
)
"""


async def waits(tx: Tx, email_key: str, fingerprints: Sequence[bytes]) -> bool:
    """Whether the address was registered with this password, and that registration waits still."""
    found: bool = await tx.fetchval(HAS_PENDING, email_key, list(fingerprints))
    return found


LIST_PENDING: Final[str] = """
SELECT pending_id, email, contested FROM pending_registrations
WHERE email_key = $1 AND expires_at > clock_timestamp()
ORDER BY expires_at DESC, pending_id DESC
"""


async def list_pending(tx: Tx, email_key: str) -> Sequence[Pending]:
    """Those of an address that wait, the newest first."""
    return [_pending(row) for row in await tx.fetch(LIST_PENDING, email_key)]


HOLD_PENDING: Final[str] = """
SELECT p.pending_id, p.email, p.contested FROM pending_registrations AS p
WHERE p.pending_id = $1 AND p.expires_at > clock_timestamp()
  AND NOT EXISTS (SELECT FROM users AS u WHERE u.email_key = p.email_key AND u.verified_at IS NOT NULL)
FOR KEY SHARE OF p
"""


async def hold_to_mail(tx: Tx, pending_id: UUID) -> Pending | None:
    """The registration, not deleted until the transaction ends; None if there is nothing to confirm (any more)."""
    row = await tx.fetchrow(HOLD_PENDING, pending_id)
    return None if row is None else _pending(row)


KEEP_PENDING: Final[str] = """
UPDATE pending_registrations SET expires_at = GREATEST(expires_at, clock_timestamp() + $2::interval)
WHERE pending_id = $1
"""
INSERT_MAILED: Final[str] = """
INSERT INTO registration_tokens (token_hash, pending_id, expires_at)
VALUES ($1, $2, clock_timestamp() + $3::interval)
"""


async def insert_token(tx: Tx, token_hash: bytes, pending_id: UUID, lifetime: timedelta) -> None:
    """A token for the mailbox of a registration, which waits for as long as the token is good."""
    await tx.execute(KEEP_PENDING, pending_id, lifetime)
    await tx.execute(INSERT_MAILED, token_hash, pending_id, lifetime)


PENDING_OF_MAILED: Final[str] = """
SELECT p.pending_id, p.email, p.contested
FROM registration_tokens AS t JOIN pending_registrations AS p USING (pending_id)
WHERE t.token_hash = $1 AND t.expires_at > clock_timestamp() AND p.expires_at > clock_timestamp()
"""


async def pending_of(tx: Tx, token_hash: bytes) -> Pending | None:
    """What a token was mailed for; None for one that is unknown, used or expired."""
    row = await tx.fetchrow(PENDING_OF_MAILED, token_hash)
    return None if row is None else _pending(row)


MAKE_USER: Final[str] = """
INSERT INTO users (user_id, email, email_key, role, password_hash, verified_at, terms_version, terms_accepted_at)
SELECT $2, email, email_key, 'user', password_hash, clock_timestamp(), terms_version, terms_accepted_at
FROM pending_registrations WHERE pending_id = $1
ON CONFLICT DO NOTHING
RETURNING true
"""


async def make_user(tx: Tx, pending_id: UUID, user_id: UUID) -> bool:
    """The account that was registered; False if the address has one."""
    return await tx.fetchval(MAKE_USER, pending_id, user_id) is True


SET_CHOSEN: Final[str] = "UPDATE users SET password_hash = $2 WHERE email_key = $1"


async def choose_password(tx: Tx, email_key: str, password_hash: str) -> None:
    """The account that was just made has this one instead."""
    await tx.execute(SET_CHOSEN, email_key, password_hash)


DELETE_PENDING: Final[str] = "DELETE FROM pending_registrations WHERE pending_id = $1"
END_TOKENS: Final[str] = """
DELETE FROM registration_tokens WHERE pending_id IN (
    SELECT pending_id FROM pending_registrations WHERE email_key = $1
)
"""
CONTEST_ALL: Final[str] = "UPDATE pending_registrations SET contested = true WHERE email_key = $1"


async def close_address(tx: Tx, email_key: str, pending_id: UUID | None) -> None:
    """One was confirmed, and goes, if it is named. The others stay until they expire, or who made them would see it; no
    token opens them."""
    await tx.execute(DELETE_PENDING, pending_id)
    await tx.execute(CONTEST_ALL, email_key)  # rows before tokens, as everywhere
    await tx.execute(END_TOKENS, email_key)


FORGET_ADDRESS: Final[str] = "DELETE FROM pending_registrations WHERE email_key = $1"


async def forget_address(tx: Tx, email_key: str) -> None:
    """Nothing waits for it any more, and no mail of before opens anything."""
    await tx.execute(FORGET_ADDRESS, email_key)


PURGE_PENDING: Final[str] = """
DELETE FROM pending_registrations WHERE pending_id IN (
    SELECT pending_id FROM pending_registrations WHERE expires_at < clock_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED
)
"""


async def purge_pending(tx: Tx, batch: int) -> int:
    """Deletes at most `batch` that nobody has confirmed in time; how many."""
    return int((await tx.execute(PURGE_PENDING, batch)).rpartition(" ")[2])


def _pending(row: Record) -> Pending:
    return Pending(row["pending_id"], row["email"], row["contested"])
