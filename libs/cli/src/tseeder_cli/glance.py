"""How far the jobs of a list are at this moment. No row tells: agents say it once a second to whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import cast

from tseeder_cli.client import Client
from tseeder_cli.errors import CliError
from tseeder_cli.wire import Job, Progress

MOVING = frozenset({"downloading", "storing"})
MOST_JOBS = 12  # of which each takes an event stream for a moment; a user may have 64
WAIT_SECONDS = 1.5


async def glance(client: Client, jobs: Sequence[Job], *, wait_seconds: float = WAIT_SECONDS) -> Mapping[str, Progress]:
    """The progress of the first 12 of `jobs` that move, by id; without those of which nothing was heard in time."""
    moving = [job["job_id"] for job in jobs if job["state"] in MOVING][:MOST_JOBS]
    heard = await asyncio.gather(*(_progress(client, job_id, wait_seconds) for job_id in moving))
    return {job_id: progress for job_id, progress in zip(moving, heard, strict=True) if progress is not None}


async def _progress(client: Client, job_id: str, wait_seconds: float) -> Progress | None:
    try:
        async with asyncio.timeout(wait_seconds), aclosing(client.events(job_id)) as events:
            async for event in events:
                told = event.data if event.kind == "progress" else event.data.get("progress")
                if told:
                    return cast(Progress, told)
                if event.kind == "end":
                    return None
    except (TimeoutError, CliError):
        return None  # the list is worth showing without it
    return None
