"""What is to be mailed. No row holds a secret: a mail's token is made when it is sent."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.mails import Mail, MailKind
from tseeder_kit.ids import uuid7
from tseeder_pg import Tx

INSERT_MAIL: Final[str] = """
INSERT INTO mails (mail_id, kind, user_id, pending_id, address, give_up_at)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6::interval)
"""
GIVE_UP_AFTER: Final = timedelta(days=3)


async def enqueue(
    tx: Tx, kind: MailKind, user_id: UUID | None, address: str, *, pending_id: UUID | None = None
) -> None:
    """To be sent once this transaction is committed; tried for three days. None: to whoever has no account (any more);
    `pending_id`: the registration that it is about."""
    await tx.execute(INSERT_MAIL, uuid7(), str(kind), user_id, pending_id, address, GIVE_UP_AFTER)


DELETE_UNSENT: Final[str] = "DELETE FROM mails WHERE user_id = $1 AND kind = $2"


async def delete_unsent(tx: Tx, user_id: UUID, kind: MailKind) -> None:
    """Mails of this kind to the user need not be sent any more."""
    await tx.execute(DELETE_UNSENT, user_id, str(kind))


CLAIM_MAILS: Final[str] = """
UPDATE mails SET attempts = attempts + 1, next_try_at = clock_timestamp() + $1::interval
WHERE mail_id IN (
    SELECT mail_id FROM mails WHERE next_try_at <= clock_timestamp() AND kind = ANY ($3::text[])
    ORDER BY next_try_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING mail_id, kind, user_id, pending_id, address, attempts
"""


async def claim_due(tx: Tx, lease: timedelta, limit: int) -> Sequence[Mail]:
    """Mails that are due, for the caller alone until `lease` is over: who has died by then is followed by another.

    What a newer release mails is left to it.
    """
    rows = await tx.fetch(CLAIM_MAILS, lease, limit, [str(kind) for kind in MailKind])
    return [
        Mail(
            row["mail_id"],
            MailKind(row["kind"]),
            row["user_id"],
            row["address"],
            row["attempts"],
            pending_id=row["pending_id"],
        )
        for row in rows
    ]


STILL_WANTED: Final[str] = "SELECT EXISTS (SELECT FROM mails WHERE mail_id = $1)"


async def still_wanted(tx: Tx, mail_id: UUID) -> bool:
    """Whether the row is still there."""
    wanted: bool = await tx.fetchval(STILL_WANTED, mail_id)
    return wanted


DELETE_MAIL: Final[str] = "DELETE FROM mails WHERE mail_id = $1"


async def delete_mail(tx: Tx, mail_id: UUID) -> None:
    """It is sent, or is never to be."""
    await tx.execute(DELETE_MAIL, mail_id)


POSTPONE_MAIL: Final[str] = """
UPDATE mails SET next_try_at = clock_timestamp() + $2::interval, last_error = $3 WHERE mail_id = $1
"""


async def postpone(tx: Tx, mail_id: UUID, wait: timedelta, error: str) -> None:
    """Another try after `wait`; `error` is the class of what went wrong, never the server's words."""
    await tx.execute(POSTPONE_MAIL, mail_id, wait, error)


TAKE_LATE_MAILS: Final[str] = """
DELETE FROM mails WHERE mail_id IN (
    SELECT mail_id FROM mails WHERE give_up_at <= clock_timestamp() LIMIT $1
    FOR UPDATE SKIP LOCKED
)
RETURNING kind, last_error
"""


async def take_late(tx: Tx, limit: int) -> Sequence[tuple[str, str]]:
    """Deletes those for which it is too late; the kind of each, and what was last in its way ("": nobody tried)."""
    return [(row["kind"], row["last_error"] or "") for row in await tx.fetch(TAKE_LATE_MAILS, limit)]
