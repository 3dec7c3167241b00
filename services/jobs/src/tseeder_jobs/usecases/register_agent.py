"""A boot joins: it gets a credential of its own, an older boot of the same agent loses everything at once."""

from __future__ import annotations

import hmac
from datetime import timedelta

from tseeder_jobs.domain.agent_calls import LeaseRef, Registered, Registration
from tseeder_jobs.domain.failures import LeaseEnd
from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.store import agents, leases
from tseeder_jobs.usecases.authenticate_agent import credential_hash
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.give_back import give_back
from tseeder_kit.errors import unauthenticated
from tseeder_kit.ids import random_token
from tseeder_pg import transaction

REPLACED = Reason("agent_restarted", "The agent was restarted; the transfer goes on from what is stored.")


async def register_agent(ctx: Context, asked: Registration) -> Registered:
    """Refuses a wrong join secret. Leases of older boots go back to the queue before this answers.

    Worth keeping is what this boot holds, and what it may be given again: a help for it, which it verifies.
    """
    if not hmac.compare_digest(asked.join_secret.encode(), ctx.settings.agent_join_secret.get_secret_value().encode()):
        raise unauthenticated("join_secret_invalid", "The join secret is wrong.")
    credential = random_token()
    async with transaction(ctx.pool) as tx:
        expires = await agents.register(
            tx,
            asked.agent_id,
            asked.boot_id,
            credential_hash(credential),
            credential_lasts=timedelta(seconds=ctx.settings.agent_credential_seconds),
            read_url=asked.read_url,
            transfers_capacity=asked.transfers_capacity,
            disk_bytes=asked.disk_bytes,
            software_version=asked.software_version,
        )
        older = await leases.of_older_boots(tx, asked.agent_id, asked.boot_id)
        held = await leases.of_boot(tx, asked.agent_id, asked.boot_id)
    for transfer_id, epoch in older:
        await give_back(ctx, LeaseRef(transfer_id, epoch), end=LeaseEnd(REPLACED, died=True), outcome="replaced")
    async with transaction(ctx.pool, readonly=True) as tx:
        keepable = await leases.keepable(tx, [ref.transfer_id for ref in asked.leftovers])
    keep = tuple(ref for ref in asked.leftovers if (ref.transfer_id, ref.epoch) in held or ref.transfer_id in keepable)
    return Registered(credential, expires, keep)
