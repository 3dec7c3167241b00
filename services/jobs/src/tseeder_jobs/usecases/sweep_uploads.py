"""Uploads that nobody carries on: completions without outcome are carried through, unwanted ones aborted."""

from __future__ import annotations

from datetime import timedelta

from tseeder_jobs.domain.agent_calls import CompleteVerdict
from tseeder_jobs.domain.storage import StorageRefused, StorageUnavailable
from tseeder_jobs.store import objects
from tseeder_jobs.usecases.complete_files import Intent, carry_through
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.settle import settle
from tseeder_kit.logging import get_logger
from tseeder_pg import Record, connection, transaction

BATCH = 500
_log = get_logger(__name__)


async def carry_completions(ctx: Context) -> int:
    """The sweep: completions that nobody carries on any more. Answers how many were stored."""
    async with connection(ctx.pool) as tx:
        old = await objects.find_completing(tx, timedelta(seconds=ctx.settings.completing_seconds), 100)
    done = 0
    for live in old:
        if live.upload_id is None:
            continue
        async with transaction(ctx.pool) as tx:
            parts = tuple(await objects.read_parts(tx, live.upload_id))
            torrent_id = await objects.torrent_of(tx, live.entry_id)
        if torrent_id is None:
            continue
        outcome = await carry_through(ctx, torrent_id, 0, Intent(live, parts))
        if outcome.verdict is CompleteVerdict.STORED:
            await settle(ctx, torrent_id)
            done += 1
    return done


async def abort_unwanted(ctx: Context) -> int:
    """Uploads that nobody has wanted for the grace period are aborted at S3. Answers how many."""
    async with transaction(ctx.pool) as tx:
        await objects.intend_abort(tx, timedelta(seconds=ctx.settings.upload_grace_seconds), BATCH)
        rows = await objects.to_abort(tx, BATCH)
    return sum([await _abort(ctx, row) for row in rows])


async def _abort(ctx: Context, row: Record) -> bool:
    key = row["object_key"]
    try:
        known = row["s3_upload_id"]
        ids = [known] if known else [upload.upload_id async for upload in ctx.storage.list_uploads(key)]
        for s3_upload_id in ids:
            await ctx.storage.abort_upload(key, s3_upload_id)
    except (StorageUnavailable, StorageRefused) as exc:
        _log.warning("abort_later", cause=type(exc).__name__)
        async with connection(ctx.pool) as tx:
            await objects.abort_later(tx, row["upload_id"], timedelta(seconds=ctx.settings.sweep_seconds))
        return False
    async with connection(ctx.pool) as tx:
        await objects.aborted(tx, row["upload_id"])
    return True
