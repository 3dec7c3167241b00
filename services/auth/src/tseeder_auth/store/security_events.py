"""What happened to accounts."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.security_events import EventKind
from tseeder_kit.ids import uuid7
from tseeder_pg import Tx

NOBODY: Final = Client("", "")
"""For what happens without a request of a client's."""

INSERT_SECURITY_EVENT: Final[str] = """
INSERT INTO security_events (event_id, kind, user_id, actor_user_id, remote_address, user_agent, details)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def record(
    tx: Tx,
    kind: EventKind,
    user_id: UUID | None,
    client: Client,
    *,
    actor: UUID | None = None,
    details: Mapping[str, str] | None = None,
) -> None:
    """Writes one down, in the transaction that does it. `details` never hold a secret, or an address that was typed."""
    await tx.execute(
        INSERT_SECURITY_EVENT,
        uuid7(),
        str(kind),
        user_id,
        actor,
        client.remote_address,
        client.user_agent,
        dict(details or {}),
    )
