"""What was taken down stops: its transfers fail, and the jobs that have it say why they do not give it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from tseeder_jobs.domain.sealed import Blind
from tseeder_jobs.domain.states import TransferState
from tseeder_jobs.domain.takedowns import BLOCKED, UNSERVED
from tseeder_jobs.store import events, jobs, leases, takedowns, torrents, transfers
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.end_stranded import end_jobs_of
from tseeder_jobs.usecases.wish import end_transfer
from tseeder_pg import connection, retrying, transaction

DIGESTS: Final = 50
TORRENTS: Final = 100
JOBS: Final = 500
_FIRST: Final = UUID(int=0)


async def stop_blocked(ctx: Context) -> int:
    """The sweep. Answers how many transfers ended.

    A digest is done with once each of its torrents was held after the takedown was committed: whoever starts a
    transfer holds that row too, and looks then.
    """
    async with connection(ctx.pool) as tx:
        blinds = await takedowns.unapplied(tx, DIGESTS)
    ended = 0
    for blind in blinds:
        ended += await _stop_digest(ctx, blind)
        async with connection(ctx.pool) as tx:
            await takedowns.applied(tx, blind)
    return ended


async def _stop_digest(ctx: Context, blind: Blind) -> int:
    ended, after = 0, _FIRST
    while True:
        async with connection(ctx.pool) as tx:
            found = await takedowns.torrents_of(tx, blind, after, TORRENTS)
        for torrent_id in found:
            ended += await _stop_torrent(ctx, torrent_id)
        if len(found) < TORRENTS:
            return ended
        after = found[-1]


async def _stop_torrent(ctx: Context, torrent_id: UUID) -> bool:
    bell = Doorbell()

    async def stop() -> UUID | None:
        async with transaction(ctx.pool) as tx:
            await torrents.lock(tx, [torrent_id])
            transfer = await transfers.lock_live(tx, torrent_id)
            if transfer is None:
                return None
            await leases.lock(tx, transfer.transfer_id)
            await end_transfer(tx, transfer, TransferState.FAILED, bell, outcome="failed", reason=BLOCKED)
            return transfer.transfer_id

    transfer_id = await retrying(stop)
    await bell.ring(ctx)
    if transfer_id is not None:
        await end_jobs_of(ctx, transfer_id)
    await _explain(ctx, torrent_id)
    return transfer_id is not None


async def _explain(ctx: Context, torrent_id: UUID) -> None:
    """On the jobs that have completed: those that failed, or were cancelled, have a reason of their own."""
    explained = JOBS
    while explained == JOBS:
        async with transaction(ctx.pool) as tx:
            told = await jobs.explain_completed(tx, torrent_id, UNSERVED, JOBS)
            await events.append_changed(tx, told)
        explained = len(told)
        await Doorbell().ring(ctx)
