"""The media facts of one file, now: it is about to be played, and perhaps not stored yet."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID

from tseeder_jobs.adapters.ffprobe import Outcome
from tseeder_jobs.domain.media_facts import MediaFacts
from tseeder_jobs.domain.media_types import is_media, media_type
from tseeder_jobs.domain.reads import AgentRead
from tseeder_jobs.domain.rows import FileRow
from tseeder_jobs.store import objects, probing
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.open_read import open_read
from tseeder_pg import retrying, transaction

SECONDS: Final = 5.0
"""Somebody waits, and what is needed should be here: the file was warmed up."""


async def probe_file(ctx: Context, user_id: UUID, file_id: UUID) -> FileRow:
    """The file, with facts if they are known by then. What is stored is left to the sweep; what an agent has is looked
    into now, unless as many others are already. What that does not find in SECONDS stays unknown until it is stored.

    Errors: as of `open_read`.
    """
    found = await open_read(ctx, user_id, file_id, 0)
    row, source, media = found.file, found.source, ctx.media
    is_known = row.media is not None or not is_media(media_type(row.path, row.sniffed_type))
    if media is None or is_known or not isinstance(source, AgentRead) or media.live.locked():
        return row
    async with media.live:
        probed = await media.prober.probe(partial(media.agents.read, source), row.size_bytes, SECONDS)
    if probed.outcome is not Outcome.FOUND or probed.facts is None:
        return row
    await retrying(partial(_keep, ctx, row.entry_id, probed.facts))
    return replace(row, media=probed.facts)


async def _keep(ctx: Context, entry_id: UUID, facts: MediaFacts) -> None:
    async with transaction(ctx.pool) as tx:
        await objects.lock_entries(tx, [entry_id])
        await probing.keep(tx, entry_id, Outcome.FOUND, facts)
