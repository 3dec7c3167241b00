"""Take away what nobody holds: objects, and torrents without jobs."""

from __future__ import annotations

from datetime import timedelta

from tseeder_jobs.domain.storage import StorageRefused, StorageUnavailable
from tseeder_jobs.store import objects, torrents
from tseeder_jobs.usecases.context import Context
from tseeder_kit.logging import get_logger
from tseeder_pg import connection, transaction

BATCH = 500
FORGET_BATCH = 1000
TOMBSTONES_KEPT = timedelta(days=1)
PURGE_AFTER = timedelta(seconds=1)
_log = get_logger(__name__)


async def delete_objects(ctx: Context) -> int:
    """Objects that nobody holds are deleted at S3, and their keys once more until no write can be under way."""
    done = 0
    while (count := await _delete_batch(ctx)) is not None:
        done += count
    return done


async def forget_tombstones(ctx: Context) -> int:
    """Rows of objects that are long gone. Answers 0: deleting them was counted when it was done."""
    while True:
        async with transaction(ctx.pool) as tx:
            if await objects.forget(tx, TOMBSTONES_KEPT, FORGET_BATCH) < FORGET_BATCH:
                return 0


async def _delete_batch(ctx: Context) -> int | None:
    """How many are gone; None: nothing is left to do, or S3 does nothing now."""
    async with connection(ctx.pool) as tx:
        rows = await objects.to_delete(tx, BATCH)
    if not rows:
        return None
    try:
        gone = await ctx.storage.delete_many([key for _, key in rows])
    except (StorageUnavailable, StorageRefused) as exc:
        _log.warning("delete_later", cause=type(exc).__name__)
        return None
    async with transaction(ctx.pool) as tx:
        again = timedelta(seconds=ctx.settings.delete_again_seconds)
        await objects.deleted(tx, [object_id for object_id, key in rows if key in gone], again)
        later = [object_id for object_id, key in rows if key not in gone]
        await objects.delete_later(tx, later, timedelta(seconds=ctx.settings.sweep_seconds))
    return len(gone) or None


async def purge_torrents(ctx: Context) -> int:
    """Rows of torrents without jobs go once their objects are gone."""
    async with connection(ctx.pool) as tx:
        unused = await torrents.find_unused(tx, PURGE_AFTER)
    purged = 0
    for torrent_id in unused:
        async with transaction(ctx.pool) as tx:
            if await torrents.lock(tx, [torrent_id]) and await torrents.purge(tx, torrent_id):
                purged += 1
    return purged
