"""Put a job back among the moving: it joins the torrent's live transfer or starts one; with nothing left to fetch it
is completed at once."""

from __future__ import annotations

from tseeder_jobs.domain.states import JOB_LIVE, JobState, job_state_under
from tseeder_jobs.domain.takedowns import torrent_blocked
from tseeder_jobs.store import events, files, jobs, objects, takedowns, torrents, usage
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.own_job import OwnJob
from tseeder_jobs.usecases.wish import changed_meanwhile, refresh_wish, start_transfer
from tseeder_kit.errors import forbidden


async def attach(own: OwnJob, bell: Doorbell) -> None:
    """For a job that is paused, ended, or whose selection changed. Counts, charges and state follow its files."""
    tx, job = own.tx, own.job
    was_live = job.state in JOB_LIVE
    if own.torrent.verified:
        await files.reopen(tx, job.job_id)
        await jobs.count_files(tx, [job.job_id])
        await usage.recharge(tx, [job.user_id], job.torrent_id)
        await objects.collect(tx, await objects.entries_of_job(tx, job.job_id))
    await torrents.keep(tx, job.torrent_id)
    if not own.torrent.verified or await files.any_pending(tx, job.job_id):
        await _wait(own, bell, was_live=was_live)
    else:
        await _complete(own, bell, was_live=was_live)
    await events.append_changed(tx, [job.job_id])


async def _wait(own: OwnJob, bell: Doorbell, *, was_live: bool) -> None:
    tx, job = own.tx, own.job
    if await takedowns.torrent_blocked(tx, job.torrent_id):
        raise torrent_blocked()
    if not was_live and own.usage.live_jobs >= own.usage.live_jobs_limit:
        raise forbidden("live_jobs_limit", "Your plan allows no more jobs at once.", limit=own.usage.live_jobs_limit)
    transfer = own.transfer or await start_transfer(tx, job.torrent_id, job.user_id, own.usage.priority, bell)
    new = job_state_under(transfer.state)
    if new is not job.state or transfer.transfer_id != job.transfer_id:
        moved = await jobs.set_state(
            tx, job.job_id, old=job.state, new=new, transfer_id=transfer.transfer_id, reopened=not was_live
        )
        if not moved:
            raise changed_meanwhile()
    if not was_live:
        await usage.add_live_jobs(tx, job.user_id, 1)
    state = await refresh_wish(tx, transfer, bell)
    if state is not transfer.state and job_state_under(state) is not new:
        await jobs.set_state(tx, job.job_id, old=new, new=job_state_under(state))


async def _complete(own: OwnJob, bell: Doorbell, *, was_live: bool) -> None:
    tx, job = own.tx, own.job
    if job.state is not JobState.COMPLETED:
        moved = await jobs.set_state(tx, job.job_id, old=job.state, new=JobState.COMPLETED, reopened=not was_live)
        if not moved:
            raise changed_meanwhile()
    if was_live:
        await usage.add_live_jobs(tx, job.user_id, -1)
        if own.transfer is not None and own.transfer.transfer_id == job.transfer_id:
            await refresh_wish(tx, own.transfer, bell)
