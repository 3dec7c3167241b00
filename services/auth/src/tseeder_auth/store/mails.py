"""What is to be mailed. No row holds a secret: a mail's token is made when it is sent."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.mails import MailKind
from tseeder_kit.ids import uuid7
from tseeder_pg import Tx

INSERT_MAIL: Final[str] = """
INSERT INTO mails (mail_id, kind, user_id, address, give_up_at)
VALUES ($1, $2, $3, $4, clock_timestamp() + $5::interval)
"""
GIVE_UP_AFTER: Final = timedelta(days=3)


async def enqueue(tx: Tx, kind: MailKind, user_id: UUID | None, address: str) -> None:
    """To be sent once this transaction is committed; tried for three days. None: to whoever has no account any more."""
    await tx.execute(INSERT_MAIL, uuid7(), str(kind), user_id, address, GIVE_UP_AFTER)
