"""What a run sees of its swarm: for jobs, and to say what holds it up."""

from __future__ import annotations

from tseeder_agent.adapters.swarm import Torrent
from tseeder_agent.domain.evidence import Evidence
from tseeder_agent.domain.problems import swarm_problem
from tseeder_agent.domain.transfer import Problem
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.run import Run
from tseeder_kit.clock import boottime


def see_swarm(ctx: Context, run: Run) -> Evidence | None:
    """As it is now; None while no torrent of this run is in the session. Asks libtorrent nothing."""
    torrent = run.torrent
    if torrent is None:
        return None
    stats = torrent.stats
    run.received.reach(stats.downloaded)
    run.wasted.reach(stats.wasted)
    download_rate, upload_rate = run.rates
    private = run.description is not None and run.description.private
    return Evidence(
        peers=stats.peers,
        seeds=stats.seeds,
        candidates=stats.candidates,
        banned_peers=len({*run.banned, *torrent.banned}),
        received_bytes=run.received.total,
        wasted_bytes=run.wasted.total,
        failed_pieces=len(torrent.failed),
        missing_pieces=run.missing_pieces,
        quiet_seconds=boottime() - run.last_arrival,
        trackers=torrent.trackers.seen(),
        dht_nodes=0 if private else ctx.swarm.dht_nodes,
        download_rate=download_rate,
        upload_rate=upload_rate,
    )


def what_holds_up(run: Run, torrent: Torrent) -> Problem:
    """Why nothing has come for too long."""
    wrong_since_right = max(run.last_failure, torrent.last_failure) > run.last_arrival
    return swarm_problem(
        peers=torrent.stats.peers,
        missing=run.missing_pieces,
        corrupt=wrong_since_right and bool(run.banned or torrent.banned),
        trackers=torrent.trackers.seen(),
    )
