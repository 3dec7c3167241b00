"""The frame of every verb on one job: lock what it may change in the order of docs/decisions, then look again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from tseeder_jobs.domain.rows import JobRow, TorrentRow, TransferRow, UsageRow
from tseeder_jobs.store import jobs, torrents, transfers, usage
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.wish import changed_meanwhile
from tseeder_kit.errors import AppError, not_found
from tseeder_pg import Tx, transaction


def job_not_found() -> AppError:
    """No such job, or another user's: told alike."""
    return not_found("job_not_found", "There is no such job.")


@dataclass(frozen=True, slots=True)
class OwnJob:
    """A job and all around it, held until the transaction ends. `transfer`: the torrent's live one, if any."""

    tx: Tx
    job: JobRow
    usage: UsageRow
    torrent: TorrentRow
    transfer: TransferRow | None

    async def reread(self) -> JobRow:
        """As it is now, for the answer."""
        row = await jobs.read(self.tx, self.job.job_id)
        if row is None:
            raise changed_meanwhile()
        return row


@asynccontextmanager
async def own_job(ctx: Context, user_id: UUID | None, job_id: UUID) -> AsyncIterator[OwnJob]:
    """One transaction around a verb. `user_id` None: an operator's verb on any user's job."""
    async with transaction(ctx.pool) as tx:
        before = await _read(tx, user_id, job_id)
        held_usage = await usage.lock(tx, [before.user_id])
        held_torrents = await torrents.lock(tx, [before.torrent_id])
        transfer = await transfers.lock_live(tx, before.torrent_id)
        await jobs.lock(tx, [job_id])
        job = await _read(tx, user_id, job_id)
        if job.torrent_id != before.torrent_id or before.torrent_id not in held_torrents:
            raise changed_meanwhile()
        yield OwnJob(tx, job, held_usage[job.user_id], held_torrents[job.torrent_id], transfer)


async def _read(tx: Tx, user_id: UUID | None, job_id: UUID) -> JobRow:
    row = await jobs.read(tx, job_id) if user_id is None else await jobs.read_own(tx, job_id, user_id)
    if row is None:
        raise job_not_found()
    return row
