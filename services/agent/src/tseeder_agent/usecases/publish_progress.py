"""Show every view how far its job is; for eyes only, nothing is decided from it."""

from __future__ import annotations

from tseeder import subjects
from tseeder.agent.v1 import progress_pb2
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_agent.domain.ledger import Amounts
from tseeder_agent.domain.progress import Progress, eta
from tseeder_agent.domain.transfer import Stage, View
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.run import Run
from tseeder_kit.clock import boottime

STATES = {
    Stage.RESOLVING: model.TRANSFER_STATE_RESOLVING,
    Stage.DOWNLOADING: model.TRANSFER_STATE_DOWNLOADING,
    Stage.STORING: model.TRANSFER_STATE_STORING,
}


async def publish_progress(ctx: Context) -> None:
    """Once, one message per view. NATS being away loses them, and nothing else."""
    for run in list(ctx.fleet.runs.values()):
        now = boottime()
        # libtorrent's own rate takes ten seconds to come near the truth.
        run.received.reach(run.torrent.stats.downloaded if run.torrent else 0)
        run.rates = (run.received.rate(now), run.sent.rate(now))
        for view in run.description.views if run.description else ():
            progress = progress_of(run, view, *run.rates)
            await ctx.bus.ring(subjects.job_progress(view.job_id), to_wire(progress).SerializeToString())


def progress_of(run: Run, view: View, download_rate: int, upload_rate: int) -> Progress:
    """What this view shows now."""
    amounts = run.ledger.amounts(view.wanted) if run.ledger else Amounts(0, 0, 0)
    stats = run.torrent.stats if run.torrent else None
    return Progress(
        job_id=view.job_id,
        epoch=run.lease.epoch,
        stage=run.stage,
        amounts=amounts,
        download_rate=download_rate,
        upload_rate=upload_rate,
        peers=stats.peers if stats else 0,
        seeds=stats.seeds if stats else 0,
        eta_seconds=eta(amounts, download_rate, upload_rate) if run.ledger else None,
    )


def to_wire(progress: Progress) -> progress_pb2.Progress:
    return progress_pb2.Progress(
        job_id=progress.job_id,
        state=STATES[progress.stage],
        wanted_bytes=progress.amounts.wanted,
        downloaded_bytes=progress.amounts.downloaded,
        uploaded_bytes=progress.amounts.uploaded,
        download_rate=progress.download_rate,
        upload_rate=progress.upload_rate,
        peers=progress.peers,
        seeds=progress.seeds,
        eta_seconds=progress.eta_seconds,
        epoch=progress.epoch,
    )
