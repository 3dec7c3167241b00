"""An object that S3 does not have any more is stored no longer: its owners are told, and a retry fetches it again."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.domain.states import JOB_LIVE, JobState
from tseeder_jobs.store import events, jobs, leftovers, objects, torrents, transfers, usage
from tseeder_jobs.store.jobs import LiveJob
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.wish import changed_meanwhile, lock_torrent, refresh_wish
from tseeder_kit.logging import get_logger
from tseeder_pg import Tx, connection, retrying, transaction

USERS: Final = 50
OBJECTS: Final = 100
OBJECT_LOST: Final = Reason("object_lost", "Stored bytes of this job are missing. Retry fetches them again.")
_log = get_logger(__name__)


async def give_up_lost(ctx: Context, object_id: UUID) -> bool:
    """Nobody is given it from now on; its owners are told. False: it was not stored any more."""

    async def mark() -> bool:
        async with transaction(ctx.pool) as tx:
            torrent_id = await leftovers.torrent_of(tx, object_id)
            if torrent_id is not None:
                await torrents.lock(tx, [torrent_id])
            return await leftovers.give_up(tx, object_id)

    if not await retrying(mark):
        return False
    _log.warning("object_lost", object_id=str(object_id))
    await tell_owners(ctx)
    return True


async def tell_owners(ctx: Context) -> int:
    """The sweep: also of what a crash left untold. Answers how many users were told."""
    async with connection(ctx.pool) as tx:
        found = await leftovers.lost(tx, OBJECTS)
    told = 0
    for object_id, entry_id in found:
        while entry_id is not None and (now := await _tell_some(ctx, entry_id)):
            told += now
        async with connection(ctx.pool) as tx:
            await leftovers.told(tx, object_id)
    return told


async def _tell_some(ctx: Context, entry_id: UUID) -> int:
    bell = Doorbell()

    async def tell() -> int:
        async with transaction(ctx.pool) as tx:
            users = await leftovers.holders(tx, entry_id, USERS)
            torrent_id = await objects.torrent_of(tx, entry_id)
            if not users or torrent_id is None:
                return 0
            await usage.lock(tx, users)
            await lock_torrent(tx, torrent_id)
            await _lose(tx, torrent_id, entry_id, users, bell)
            return len(users)

    told = await retrying(tell)
    await bell.ring(ctx)
    return told


async def _lose(tx: Tx, torrent_id: UUID, entry_id: UUID, users: list[UUID], bell: Doorbell) -> None:
    transfer = await transfers.lock_live(tx, torrent_id)
    held = await leftovers.jobs_holding(tx, entry_id, users)
    job_ids = [job.job_id for job in held]
    await jobs.lock(tx, job_ids)
    if not await leftovers.lose(tx, entry_id, job_ids):
        return
    await jobs.count_files(tx, job_ids)
    await usage.recharge(tx, users, torrent_id, [entry_id])
    for job in held:
        if job.state is JobState.COMPLETED:
            await _fail(tx, job)
    await objects.collect(tx, [entry_id])
    if transfer is not None and any(job.state in JOB_LIVE for job in held):
        await refresh_wish(tx, transfer, bell)
    await events.append_changed(tx, job_ids)


async def _fail(tx: Tx, job: LiveJob) -> None:
    if not await jobs.set_state(tx, job.job_id, old=job.state, new=JobState.FAILED, reason=OBJECT_LOST):
        raise changed_meanwhile()
