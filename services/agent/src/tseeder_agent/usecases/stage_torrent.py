"""Start to fetch a torrent whose metadata is known, or to fetch other parts of it."""

from __future__ import annotations

from tseeder_agent.adapters.scratch_reader import Staged
from tseeder_agent.adapters.swarm import Torrent, TorrentWish
from tseeder_agent.domain.ledger import Ledger
from tseeder_agent.domain.problems import TOO_LARGE_FOR_AGENT
from tseeder_agent.domain.transfer import Description
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.room import room_for
from tseeder_agent.usecases.run import GiveBack, HandOver, Run
from tseeder_kit.errors import unprocessable


async def stage_torrent(ctx: Context, run: Run, description: Description, ledger: Ledger) -> Torrent | None:
    """The torrent, added to the session; None if nothing has to be fetched or read, since S3 holds it all.

    GiveBack if it does not fit onto the scratch disk; where some of it lies there already, it is asked back, and what
    is whole is sent first. AppError as `Swarm.add`, and `layout_differs` if libtorrent lays
    the files out otherwise than jobs did.
    """
    if run.torrent is not None:
        run.torrent.add_trackers(description.trackers)
        if await _reserved(ctx, run, ledger):
            run.torrent.prioritize(ledger.priorities())
            if run.re_aim is not None:
                run.re_aim(anew=True)
        else:
            run.ask_back(_too_large(ctx))
    elif ledger.unsent:
        if not run.begun_again:  # some of it lies on the disk already
            run.adopted_bytes = await ctx.leftovers.adopt(run.lease)
        if not await _reserved(ctx, run, ledger):
            raise GiveBack(_too_large(ctx))
        run.torrent = await _added(ctx, run, description, ledger)
    else:
        return None  # added with nothing wanted, it would find no peers, later neither
    if run.staged is None:  # a lapse may have come between
        run.staged = await _staged(run.torrent, description)
    return run.torrent


async def _added(ctx: Context, run: Run, description: Description, ledger: Ledger) -> Torrent:
    wish = TorrentWish(
        folder=ctx.scratch.folder(run.lease),
        info=description.info,
        piece_layers=description.piece_layers,
        priorities=ledger.priorities(),
        trackers=description.trackers,
        web_seeds=description.web_seeds,
        peers=description.peers,
        known_peers=run.known_peers,
        fresh=run.begun_again > 0 or not run.adopted_bytes,
        have=ledger.have,
        banned=run.banned,
    )
    return await ctx.swarm.add(wish)


async def _staged(torrent: Torrent, description: Description) -> Staged:
    layout = await torrent.layout()
    if not all(layout.holds(each.offset, each.size) for each in description.entries if each.wanted and each.size):
        raise unprocessable("layout_differs", "The torrent's files do not lie where its metadata says.")
    hashes = await torrent.hashes(description.piece_layers)
    return Staged(torrent.staged, layout, hashes, description.piece_length)


async def _reserved(ctx: Context, run: Run, ledger: Ledger) -> bool:
    """Keep the disk for all that is wanted by now: a magnet's size was not known when it was claimed, and a wish may
    have grown since. What earlier boots left goes first. False if that is not to be had, and nothing is changed."""
    needed = ledger.disk_bytes
    began = run.torrent is not None or run.begun_again > 0
    if began and needed <= run.disk_reserved:
        run.disk_reserved = needed
        return True
    if needed > room_for(ctx, run):
        return False
    run.disk_reserved = needed
    while needed > room_for(ctx, run) - ctx.leftovers.size and await ctx.leftovers.drop_oldest():
        pass
    return True


def _too_large(ctx: Context) -> HandOver:
    return HandOver(TOO_LARGE_FOR_AGENT, not_before_seconds=ctx.settings.disk_full_pause_seconds)
