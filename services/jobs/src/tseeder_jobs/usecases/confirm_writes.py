"""After bytes went up: their etags. And what S3 has forgotten begins anew."""

from __future__ import annotations

from collections.abc import Sequence

from tseeder_jobs.domain.agent_calls import AgentCaller, LeaseRef, UploadGone, WriteResult
from tseeder_jobs.store import objects, transfers
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.failing import got_further
from tseeder_jobs.usecases.held_lease import share
from tseeder_kit.errors import invalid
from tseeder_pg import retrying, transaction

MOST_RESULTS = 1000


async def confirm_writes(
    ctx: Context,
    caller: AgentCaller,
    lease: LeaseRef,
    results: Sequence[WriteResult],
    gone: Sequence[UploadGone],
) -> list[int]:
    """File indexes whose uploads were reset: all their parts must go up again. A repeat changes nothing."""
    if len(results) + len(gone) > MOST_RESULTS:
        raise invalid("too_many_writes", f"At most {MOST_RESULTS} results are confirmed at once.")

    async def confirm() -> tuple[list[int], bool]:
        async with transaction(ctx.pool) as tx:
            held = await share(tx, caller, lease)
            indexes = sorted({r.file_index for r in results} | {g.file_index for g in gone})
            rows = await transfers.wanted_entries(tx, lease.transfer_id, indexes)
            entry_ids = {row.file_index: row.entry_id for row in rows}
            await objects.lock_entries(tx, sorted(entry_ids.values()))
            known = [r for r in results if r.file_index in entry_ids]
            await objects.confirm_parts(
                tx,
                [
                    (r.s3_upload_id, entry_ids[r.file_index], r.part_number, r.etag, r.size_bytes)
                    for r in known
                    if r.part_number
                ],
            )
            for r in known:
                if not r.part_number:
                    await objects.confirm_put(tx, entry_ids[r.file_index], r.object_key, r.etag, lease.epoch)
            reset = []
            for g in gone:
                upload_id = await objects.find_open(tx, held.torrent_id, g.file_index, g.s3_upload_id)
                if upload_id is not None and await objects.reset_upload(tx, upload_id, old="open"):
                    reset.append(g.file_index)
            return sorted(set(reset)), bool(known and held.deaths)

    reset_indexes, moved = await retrying(confirm)
    if moved:
        await got_further(ctx, lease)
    return reset_indexes
