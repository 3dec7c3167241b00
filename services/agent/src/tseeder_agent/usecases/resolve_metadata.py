"""Find out what a magnet is, and tell jobs, which checks it."""

from __future__ import annotations

import asyncio
from functools import partial

from tseeder_agent.adapters.swarm import Metadata, MetadataWish, Torrent
from tseeder_agent.domain.problems import METADATA_TIMEOUT
from tseeder_agent.domain.transfer import Description, Stage
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.crew import Crew
from tseeder_agent.usecases.insist import insist
from tseeder_agent.usecases.run import GiveBack, HandOver, LeaseLost, Run
from tseeder_agent.usecases.see_swarm import what_holds_up
from tseeder_kit.logging import get_logger
from tseeder_kit.tracing import span

_log = get_logger(__name__)


async def resolve_metadata(ctx: Context, run: Run, description: Description) -> None:
    """Fetch the info bytes from peers, and hand them to jobs. LeaseLost if jobs goes on without this lease.

    GiveBack once `metadata_timeout_seconds` are over; AppError `metadata_unusable` or what jobs refuses them for.
    """
    run.enter(Stage.RESOLVING)
    with span("resolve metadata"):
        metadata = await _fetch(ctx, run, description)
    run.untroubled("swarm")
    submit = partial(ctx.jobs.submit_metadata, run.lease, metadata.info, metadata.piece_layers)
    async with run.telling:  # it moves the transfer on: a report of before may not come after it
        stop = await insist(ctx, run, submit)
        if stop is not None:
            _log.info("metadata_taken_elsewhere", reason=stop.code)
            raise LeaseLost
        run.known_peers = metadata.peers
        run.enter(Stage.DOWNLOADING)


async def _fetch(ctx: Context, run: Run, description: Description) -> Metadata:
    wish = MetadataWish(
        folder=ctx.scratch.folder(run.lease),
        info_hash_v1=description.info_hash_v1,
        info_hash_v2=description.info_hash_v2,
        trackers=description.trackers,
        peers=description.peers,
    )

    def seen(torrent: Torrent) -> None:
        run.torrent = torrent

    async def complain() -> None:
        await asyncio.sleep(ctx.settings.stall_seconds)
        while True:
            if run.torrent is not None:
                run.troubled("swarm", what_holds_up(run, run.torrent))
            await asyncio.sleep(ctx.settings.availability_seconds)

    try:
        async with Crew(complain):
            return await ctx.swarm.resolve(wish, timeout=description.metadata_timeout_seconds, seen=seen)
    except TimeoutError:
        raise GiveBack(HandOver(METADATA_TIMEOUT, spends_attempt=True)) from None
    finally:
        run.torrent = None
