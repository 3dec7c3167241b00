"""The life of one transfer on this agent, from its claim to its end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from tseeder_agent.adapters.heap import give_back_memory
from tseeder_agent.adapters.swarm import Torrent
from tseeder_agent.domain.ledger import Ledger
from tseeder_agent.domain.problems import AGENT_FAILED, HASH_IN_USE, OTHER_BUCKET
from tseeder_agent.domain.transfer import Description, Problem, Stage
from tseeder_agent.usecases.complete_files import complete_files
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.crew import Crew
from tseeder_agent.usecases.fetch_pieces import Fetching
from tseeder_agent.usecases.give_back import give_back
from tseeder_agent.usecases.insist import insist
from tseeder_agent.usecases.report_stage import report_stage
from tseeder_agent.usecases.resolve_metadata import resolve_metadata
from tseeder_agent.usecases.run import BeginAgain, GiveBack, HandOver, LeaseLapsed, LeaseLost, Run
from tseeder_agent.usecases.run_spans import lease_attributes
from tseeder_agent.usecases.stage_torrent import stage_torrent
from tseeder_agent.usecases.upload_parts import Uploads
from tseeder_kit.clock import boottime
from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger, log_fields
from tseeder_kit.tracing import span

_log = get_logger(__name__)
TENURE_LOOK_SECONDS = 1.0
FAILED_PAUSE_SECONDS = 5.0
NOBODY_COULD = frozenset({"metadata_unusable", "torrent_unusable", "layout_differs"})
"""Errors of the torrent itself: another agent would meet them, too."""


async def run_transfer(ctx: Context, run: Run) -> None:
    """Run it to its end. Nothing of it is left in the session or on the scratch disk afterwards."""
    fields = log_fields(transfer_id=run.lease.transfer_id, epoch=run.lease.epoch)
    attributes = lease_attributes(run.lease, ctx.settings.agent_id)
    with fields, span("transfer", parent=run.trace, attributes=attributes) as whole:
        _log.info("transfer_begun")
        try:
            how = await _live(ctx, run)
            _log.info("transfer_ended", how=how)
            whole.set({"tseeder.outcome": how})
        finally:
            parts = run.spans.parts
            whole.set({"tseeder.parts": parts.seen, "tseeder.parts_recorded": parts.recorded})
            run.spans.swarm.end(run.received.total)
            await _clean_up(ctx, run)


async def _live(ctx: Context, run: Run) -> str:
    """How it ended, in a word."""
    while True:
        try:
            async with Crew(partial(_watch_tenure, run)):
                return await _work(ctx, run)
        except LeaseLapsed:
            _log.warning("lease_lapsed")
            await _renewed_or_lost(run)
        except BeginAgain:
            continue
        except LeaseLost:
            return "lost"
        except GiveBack as exc:
            how = await give_back(ctx, run, exc.hand_over)
            if how is not None:
                return how
            _go_on(run, exc.hand_over)
        except AppError as exc:
            return await _fail(ctx, run, exc)
        except Exception as exc:  # noqa: BLE001 - a defect met by one transfer must not take the others along
            _log.error("transfer_crashed", exc_info=exc)
            pause = HandOver(AGENT_FAILED, not_before_seconds=FAILED_PAUSE_SECONDS, spends_attempt=True)
            return await give_back(ctx, run, pause) or "left"


def _go_on(run: Run, refused: HandOver) -> None:
    """Somebody wants it again, in the moment in which it was to be given back; another reason may stand by now."""
    if run.hand_over is refused:
        run.hand_over = None
    if run.torrent is not None and run.hand_over is None:
        run.torrent.resume()


async def _watch_tenure(run: Run) -> None:
    """Raises LeaseLost or LeaseLapsed when it is time, which cancels the work. Looks at least once a second, since a
    suspended machine's timers do not count what CLOCK_BOOTTIME does."""
    while True:
        run.check_tenure()
        wait = min(max(run.tenure.remaining(boottime()), 0.0), TENURE_LOOK_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await run.lost.wait()


async def _renewed_or_lost(run: Run) -> None:
    while run.tenure.remaining(boottime()) <= 0 and not run.lost.is_set():
        run.renewed.clear()
        waiters = [asyncio.create_task(run.renewed.wait()), asyncio.create_task(run.lost.wait())]
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()


async def _work(ctx: Context, run: Run) -> str:
    """Until everything wanted is stored, or the lease is given back. Begins again where it was after a lapse."""
    if run.to_restage:
        await _take_out(run)
    description = await _describe(ctx, run)
    if not description.metadata_known:
        async with Crew(partial(report_stage, ctx, run), partial(_back_at_once, run)):
            await resolve_metadata(ctx, run, description)
        description = await _describe(ctx, run)
    ledger = run.ledger
    if ledger is None:
        ledger = run.ledger = Ledger(description.piece_length, description.total_bytes)
    ledger.revise(description.entries)
    uploads = Uploads(ctx, run, ledger)
    loops = (partial(report_stage, ctx, run), uploads.work, partial(complete_files, ctx, run, ledger))
    async with Crew(*loops) as members:
        fetching: Torrent | None = None
        while True:
            torrent = await stage_torrent(ctx, run, description, ledger)
            if torrent is not None and fetching is None:
                fetching = torrent
                side = Fetching(ctx, run, ledger, torrent)
                members.take_on(side.work())
                members.take_on(side.watch())
            run.enter(Stage.STORING if ledger.fetched else Stage.DOWNLOADING)
            run.parts_changed()
            how = await _until_settled(ctx, run, ledger)
            if how is not None:
                return how
            description = await _describe(ctx, run)
            ledger.revise(description.entries)


async def _take_out(run: Run) -> None:
    """Out of the session; the files stay, and whom it knew and banned."""
    if run.torrent is not None:
        run.known_peers = await run.torrent.peers()
        run.banned = tuple({*run.banned, *run.torrent.banned})
        run.last_failure = max(run.last_failure, run.torrent.last_failure)
        await run.torrent.flush()
        await run.torrent.remove(delete=False)
    run.torrent = run.staged = None
    run.to_restage = False


async def _describe(ctx: Context, run: Run) -> Description:
    description = await insist(ctx, run, partial(ctx.jobs.describe, run.lease), run.spans.descriptions)
    run.description = description
    run.wanted_version = description.wanted_version
    if ctx.settings.s3_bucket not in (None, description.bucket):
        raise GiveBack(HandOver(OTHER_BUCKET, not_before_seconds=ctx.settings.retry_longest_seconds))
    return description


async def _back_at_once(run: Run) -> None:
    """While metadata is looked for, there is nothing to send before a lease goes back."""
    while run.hand_over is None:
        run.look_again.clear()
        await run.look_again.wait()
    raise GiveBack(run.hand_over)


async def _until_settled(ctx: Context, run: Run, ledger: Ledger) -> str | None:
    """How it ended; None: the wish, or what S3 holds of it, is another one now, so ask again what is wanted."""
    while True:
        run.look_again.clear()
        if run.hand_over is not None:
            await _send_the_rest(ctx, run, ledger)
            raise GiveBack(run.hand_over)
        if run.newest_version > run.wanted_version or ledger.wants_more:
            return None
        if ledger.done:
            if await insist(ctx, run, partial(ctx.jobs.finish, run.lease, run.wanted_version)):
                return "stored"
            await asyncio.sleep(ctx.settings.retry_seconds)
            return None
        await run.look_again.wait()


async def _send_the_rest(ctx: Context, run: Run, ledger: Ledger) -> None:
    """Fetch no more; wait until what is whole is in S3, or `hand_over_seconds` are over, or S3 refuses it anyway."""
    if run.torrent is not None:
        run.torrent.pause()
    with suppress(TimeoutError):
        async with asyncio.timeout(ctx.settings.hand_over_seconds):
            while not ledger.idle(ctx.settings.upload_reach_parts) and not run.storage_refuses:
                run.look_again.clear()
                await run.look_again.wait()


async def _fail(ctx: Context, run: Run, exc: AppError) -> str:
    problem = Problem(exc.code, exc.message)
    if exc.code in NOBODY_COULD:
        _log.warning("transfer_failed", code=exc.code)
        with suppress(LeaseLost, LeaseLapsed):
            await insist(ctx, run, partial(ctx.jobs.fail, run.lease, problem))
        return f"failed: {exc.code}"
    hand_over = HandOver(problem, not_before_seconds=FAILED_PAUSE_SECONDS, spends_attempt=True)
    if exc.code == "hash_in_use":  # a magnet's other hash, or the last run's end that is still under way
        hand_over = HandOver(HASH_IN_USE, not_before_seconds=FAILED_PAUSE_SECONDS)
    else:
        _log.warning("transfer_refused", code=exc.code, exc_info=exc)
    return await give_back(ctx, run, hand_over) or "left"


async def _clean_up(ctx: Context, run: Run) -> None:
    run.over = True
    run.tell_readers()
    if run.torrent is not None:
        await run.torrent.remove()
        run.torrent = None
    await ctx.scratch.drop(run.lease)
    await asyncio.to_thread(give_back_memory)
