"""Which boot of which agent shows this credential."""

from __future__ import annotations

from hashlib import sha256

from tseeder_jobs.domain.agent_calls import AgentCaller
from tseeder_jobs.store import agents
from tseeder_jobs.usecases.context import Context
from tseeder_kit.errors import unauthenticated
from tseeder_pg import transaction


def credential_hash(credential: str) -> bytes:
    """What the row holds: the credential has 256 random bits, so that a plain hash is enough."""
    return sha256(credential.encode()).digest()


async def authenticate_agent(ctx: Context, credential: str) -> AgentCaller:
    """Refuses an unknown, expired or revoked credential; the agent then registers again."""
    async with transaction(ctx.pool) as tx:
        found = await agents.authenticate(tx, credential_hash(credential))
    if found is None:
        raise unauthenticated("agent_credential_invalid", "This agent credential is not valid (any more).")
    return AgentCaller(*found)
