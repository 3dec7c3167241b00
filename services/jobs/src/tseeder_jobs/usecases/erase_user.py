"""A deleted account's jobs, files, links and history go, until nothing is left; a death on the way costs nothing but
time: each step looks at what there still is."""

from __future__ import annotations

import time
from datetime import timedelta
from logging import ERROR, WARNING
from typing import Final
from uuid import UUID

from tseeder_jobs.store import accounts, erasing, usage
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.delete_job import delete_job
from tseeder_kit.errors import AppError, Kind
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter
from tseeder_pg import connection, retrying, transaction

USERS: Final = 50
JOBS: Final = 100
ROWS: Final = 1_000
SECONDS: Final = 60.0
"""How long a round goes on with one user's jobs."""
KEPT: Final = timedelta(days=1)
"""An erased account is remembered for so long: an identity of its user's lives for a minute, and a submit that began
with it, or an answer that was still being sent, would else leave behind what nobody looks for."""

_erased = counter("jobs_users_erased", "Deleted accounts of which nothing is left")
_log = get_logger(__name__)


async def erase_users(ctx: Context) -> int:
    """The sweep. Answers how many are done with. What cannot be deleted now, of one user, holds up no other."""
    async with connection(ctx.pool) as tx:
        found = await accounts.to_erase(tx, USERS)
    done = 0
    for user_id in found:
        try:
            done += await erase_user(ctx, user_id)
        except AppError as exc:
            # Whatever it is, it is this user's: the others' turn comes all the same, and his again.
            _log.log(WARNING if exc.retryable else ERROR, "erasure_waits", user_id=str(user_id), code=exc.code)
    async with transaction(ctx.pool) as tx:
        await accounts.forget(tx, KEPT)
    return done


async def erase_user(ctx: Context, user_id: UUID) -> bool:
    """Goes on with one; whether nothing is left of him now, which torrents of his alone delay until their objects are
    deleted at S3."""
    async with connection(ctx.pool) as tx:
        if not await accounts.tried(tx, user_id):
            return False
    deadline = time.monotonic() + SECONDS
    while await _delete_jobs(ctx, user_id):
        if time.monotonic() > deadline:
            return False  # the others' turn; his comes again
    while await _delete_rows(ctx, user_id):
        pass

    async def finish() -> bool:
        async with transaction(ctx.pool) as tx:
            await usage.lock(tx, [user_id])
            if not await accounts.still_deleted(tx, user_id):
                return False
            return await erasing.delete_last(tx, user_id) and await accounts.erased(tx, user_id)

    if not await retrying(finish):
        return False
    _erased.inc()
    return True


async def _delete_jobs(ctx: Context, user_id: UUID) -> int:
    async with connection(ctx.pool) as tx:
        if not await accounts.still_deleted(tx, user_id):
            return 0  # auth says that it is there after all
        found = await erasing.jobs_of(tx, user_id, JOBS)
    for job_id in found:
        try:
            await delete_job(ctx, user_id, job_id)
        except AppError as exc:
            if exc.kind is not Kind.NOT_FOUND:  # another replica was there first
                raise
    return len(found)


async def _delete_rows(ctx: Context, user_id: UUID) -> int:
    async def delete() -> int:
        async with transaction(ctx.pool) as tx:
            if not await accounts.still_deleted(tx, user_id):
                return 0
            return await erasing.delete_some(tx, user_id, ROWS)

    return await retrying(delete)
