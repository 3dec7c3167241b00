"""Whether an agent's call counts: it must name the epoch that it holds now."""

from __future__ import annotations

from tseeder_jobs.domain.agent_calls import AgentCaller, LeaseRef
from tseeder_jobs.domain.rows import TransferRow
from tseeder_jobs.store import leases, torrents, transfers
from tseeder_jobs.store.leases import Held
from tseeder_kit.errors import AppError, precondition
from tseeder_pg import Tx


def lease_lost() -> AppError:
    """An old epoch, another agent's transfer, or none at all: told alike, and nothing is changed."""
    return precondition("lease_lost", "This agent does not hold that lease.")


async def share(tx: Tx, caller: AgentCaller, lease: LeaseRef) -> Held:
    """For calls that write beside others of the same lease: claim, release and cancel wait until this commits."""
    held = await leases.share_held(tx, lease.transfer_id, lease.epoch, caller.agent_id, caller.boot_id)
    if held is None:
        raise lease_lost()
    return held


async def hold(tx: Tx, caller: AgentCaller, lease: LeaseRef) -> TransferRow:
    """For calls that move the transfer: its torrent's, its own and its lease's rows are held, in this order."""
    before = await transfers.read(tx, lease.transfer_id)
    if before is None:
        raise lease_lost()
    await torrents.lock(tx, [before.torrent_id])
    transfer = await transfers.lock(tx, lease.transfer_id)
    if transfer is None or transfer.torrent_id != before.torrent_id or transfer.epoch != lease.epoch:
        raise lease_lost()
    await share(tx, caller, lease)
    await leases.lock(tx, lease.transfer_id)
    return transfer
