"""When an entry's object is stored, every job that waits for it is told: in batches of users, each one transaction,
so that a torrent that thousands wait for holds no lock for long. A crash in between is carried on by the sweep."""

from __future__ import annotations

from collections import defaultdict
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.states import JOB_WANTING, TRANSFER_LIVE
from tseeder_jobs.store import events, files, jobs, torrents, transfers, usage
from tseeder_jobs.store.jobs import LiveJob
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.wish import complete_jobs
from tseeder_kit.telemetry import LONG_BUCKETS, histogram
from tseeder_pg import Tx, connection, retrying, transaction

USERS_A_BATCH = 50

_took: Final = histogram(
    "jobs_submit_to_stored_seconds",
    "Time from a job's submit until all that it wanted was stored, pauses included; without reopened jobs",
    buckets=LONG_BUCKETS,
)


async def settle(ctx: Context, torrent_id: UUID) -> int:
    """Mark stored what is stored, charge it, complete jobs that have all they wanted. Answers how many files."""
    marked = 0
    while True:
        async with connection(ctx.pool) as tx:
            users = await files.users_to_settle(tx, torrent_id, USERS_A_BATCH)
        if not users:
            return marked
        bell = Doorbell()

        async def batch(users: list[UUID] = users) -> tuple[int, list[LiveJob]]:
            async with transaction(ctx.pool) as tx:
                return await _settle_users(tx, torrent_id, users)

        files_stored, done = await retrying(batch)
        marked += files_stored
        for job in done:
            if job.first_run_seconds is not None:
                _took.observe(job.first_run_seconds)
        await bell.ring(ctx)


async def _settle_users(tx: Tx, torrent_id: UUID, users: list[UUID]) -> tuple[int, list[LiveJob]]:
    """How many files are stored now that were not, and which jobs that completed."""
    await usage.lock(tx, users)
    if await torrents.share(tx, torrent_id) is None:
        return 0, []
    transfer = await transfers.lock_live(tx, torrent_id)
    rows = await files.settle(tx, torrent_id, users)
    if transfer is not None and transfer.deaths and rows:
        await transfers.forget_deaths(tx, transfer.transfer_id, transfer.epoch)
    entry_ids = list({row["entry_id"] for row in rows})
    await usage.recharge(tx, users, torrent_id, entry_ids)
    by_user: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    for row in rows:
        by_user[row["user_id"]][row["entry_id"]] = row["size_bytes"]
    for user_id in sorted(by_user):
        await usage.add_stored(tx, user_id, sum(by_user[user_id].values()))
    job_ids = sorted({row["job_id"] for row in rows})
    await jobs.lock(tx, job_ids)
    await jobs.count_files(tx, job_ids)
    done = await complete_jobs(tx, job_ids)
    await events.append_changed(tx, job_ids)
    if transfer is not None and transfer.state in TRANSFER_LIVE and any(job.state in JOB_WANTING for job in done):
        await _set_payer(tx, transfer.transfer_id, transfer.payer_user_id)
    return len(rows), done


async def _set_payer(tx: Tx, transfer_id: UUID, payer: UUID) -> None:
    """Who completed has left: another pays from now on. What is wanted is the same, so the version stays."""
    wish = await transfers.read_wish(tx, transfer_id)
    await transfers.set_wish(tx, transfer_id, wish, payer_user_id=wish.payer_user_id or payer, changed=False)


async def settle_leftovers(ctx: Context) -> int:
    """The sweep: whatever a crash left unsaid."""
    async with connection(ctx.pool) as tx:
        torrent_ids = await files.torrents_to_settle(tx)
    return sum([await settle(ctx, torrent_id) for torrent_id in torrent_ids])
