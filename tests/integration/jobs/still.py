"""A jobs service whose sweeps do not go off by themselves: a test runs them when it is time, and lets time pass."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from tests.faults.invariants import violations
from tests.integration.jobs.contexts import bare_context
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import Service, User, World, running
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.store import locks, takedowns
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.settle import settle_leftovers
from tseeder_jobs.usecases.sweep_objects import delete_objects
from tseeder_jobs.usecases.sweep_uploads import abort_unwanted, carry_completions
from tseeder_pg import connection, transaction
from tseeder_testkit.torrents import Sample

SHIFT: Final = (
    "UPDATE files SET stored_at = stored_at - $2::interval WHERE user_id = $1",
    """UPDATE jobs SET oldest_stored_at = oldest_stored_at - $2::interval,
           warned_through = warned_through - $2::interval, kept_until = kept_until - $2::interval WHERE user_id = $1""",
    "UPDATE usage SET kept_until = kept_until - $2::interval WHERE user_id = $1",
)
PLAN: Final = """
INSERT INTO plans (plan_id, name, place, live_jobs, running_transfers, storage_bytes, bandwidth_bytes_per_month,
                   retention_days, priority, streams)
VALUES ('days-' || $1::integer, 'Days', 100, 100, 10, 1099511627776, 1099511627776, $1, 0, 10) ON CONFLICT DO NOTHING
"""
ON_PLAN: Final = """
INSERT INTO user_plans (user_id, plan_id) VALUES ($1, 'days-' || $2::integer)
ON CONFLICT (user_id) DO UPDATE SET plan_id = excluded.plan_id
"""
OBJECTS: Final = """
SELECT o.state FROM objects o JOIN entries e USING (entry_id) JOIN jobs j USING (torrent_id)
WHERE j.user_id = $1 ORDER BY e.file_index, o.created_at
"""


@dataclass(frozen=True)
class Still:
    """The service, an agent that is played, and what sweeps work with."""

    jobs: Service
    played: Agent
    ctx: Context

    async def plan(self, user: User, days: int) -> None:
        """From now on the user's plan keeps files for so long; 0: for ever."""
        async with connection(self.jobs.world.billing_pool) as held:
            await held.execute(PLAN, days)
            await held.execute(ON_PLAN, user.user_id, days)

    async def age(self, user: User, days: float) -> None:
        """So many days pass for what the user has."""
        async with transaction(self.jobs.pool) as tx:
            for statement in SHIFT:
                await tx.execute(statement, user.user_id, timedelta(days=days))

    async def stored(self, user: User, torrent: Sample, **fields: Any) -> model.Job:
        """A job of the user's that has all it wanted."""
        job = await user.submit(torrent=torrent.torrent.read_bytes(), **fields)
        if job.state != model.JOB_STATE_COMPLETED:
            await self.played.run(await self.played.claim_one(), torrent)
        return await user.job(job)

    async def expiring(self, job: model.Job) -> list[str]:
        """When files of the job end, as each warning said."""
        sql = "SELECT payload ->> 'expires_at' FROM feed WHERE entity_id = $1 AND type = 'job.expiring' ORDER BY id"
        return [row[0] for row in await self.jobs.rows(sql, UUID(job.job_id))]

    async def objects(self, user: User) -> list[str]:
        """The states of the objects behind the user's jobs."""
        return [row[0] for row in await self.jobs.rows(OBJECTS, user.user_id)]

    async def take_down(self, *info_hashes: str) -> None:
        """As an operator's order will."""
        for info_hash in info_hashes:
            digest = bytes.fromhex(info_hash)
            async with transaction(self.ctx.pool) as tx:
                await locks.lock_digests(tx, [digest])
                await takedowns.insert(tx, self.ctx.keyring.blinds(digest), "a test")

    async def open(self, user: User, file: model.File, stream_id: str = "") -> pb.OpenReadResponse:
        """Where its bytes are."""
        request = pb.OpenReadRequest(file_id=file.file_id, stream_id=stream_id)
        return await user.call(self.jobs.jobs.OpenRead, request)

    async def sweep(self) -> None:
        """What would come by itself, until nothing is left to do."""
        await carry_completions(self.ctx)
        await settle_leftovers(self.ctx)
        await abort_unwanted(self.ctx)
        await delete_objects(self.ctx)

    async def sound(self) -> None:
        """The invariants hold once the sweeps were there."""
        await self.sweep()
        assert await violations(self.jobs.world.database.urls["jobs"], self.jobs.world.s3) == []


@asynccontextmanager
async def still(world: World, s3_client: Any, **changes: Any) -> AsyncIterator[Still]:
    """One of them in this world; `changes` are settings."""
    settings = {"lease_seconds": 600, "self_stop_seconds": 400, "completing_seconds": 0.05, **changes}
    async with (
        running(world, sweep_seconds=600, **settings) as jobs,
        bare_context(world, **settings) as ctx,
    ):
        played = Agent(jobs, s3_client)
        await played.register()
        yield Still(jobs, played, ctx)
