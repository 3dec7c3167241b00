"""The real use cases of jobs on real Postgres and S3, for the lease machine: calls that may break at a transaction's
boundary, time that passes without being waited for, and looks at the rows."""

from __future__ import annotations

import asyncio
import time
import uuid
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.integration.jobs.breaking import BreakingPool, Crash, Where
from tests.integration.jobs.contexts import bare_context
from tests.integration.jobs.lease_model import ENDED, OVER, PARKED, PAUSED, QUEUED, RUNNING, WAITING, Ref
from tests.integration.jobs.running import JOIN_SECRET, OWN_SCOPES, World
from tseeder_jobs.domain.agent_calls import AgentCaller, LeaseRef, Registration, WriteIntent, WritePlan, WriteResult
from tseeder_jobs.usecases.authenticate_agent import authenticate_agent
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.register_agent import register_agent
from tseeder_jobs.usecases.submit_job import Submission, TorrentSource, submit_job
from tseeder_kit.errors import AppError
from tseeder_pg import Pool, connection, open_pool
from tseeder_rpc import use_identity
from tseeder_testkit.torrents import Sample

GIB: Final = 1 << 30
TABLES: Final = (
    "transfers",
    "leases",
    "attempts",
    "jobs",
    "files",
    "torrents",
    "entries",
    "objects",
    "uploads",
    "parts",
)
SUMS: Final = ("charges", "usage", "usage_months", "feed")
FINGERPRINT: Final = "SELECT " + " || ".join(  # noqa: S608 - the names are ours
    f"COALESCE((SELECT md5(string_agg(x::text, '|' ORDER BY x::text)) FROM {table} x), '-')"  # noqa: S608 - as above
    for table in (*TABLES, *SUMS)
)
LOOK: Final = """
SELECT t.transfer_id::text AS name, t.state, t.epoch, j.state AS job, l.agent_id, l.boot_id::text AS boot_id,
       l.epoch AS lease_epoch, l.expired,
       (SELECT count(*) FROM attempts a WHERE a.transfer_id = t.transfer_id AND a.ended_at IS NULL) AS open_attempts,
       (SELECT max(a.epoch) FROM attempts a WHERE a.transfer_id = t.transfer_id AND a.ended_at IS NULL) AS open_epoch,
       EXISTS (SELECT 1 FROM attempts a JOIN attempts b USING (transfer_id) WHERE a.transfer_id = t.transfer_id
               AND a.epoch < b.epoch AND (a.ended_at IS NULL OR a.ended_at > b.started_at)) AS overlapping
FROM transfers t JOIN jobs j USING (transfer_id) LEFT JOIN leases l ON l.transfer_id = t.transfer_id
WHERE t.transfer_id = ANY($1::uuid[])
"""
JOBS_OF: Final = "SELECT job_id, transfer_id::text FROM jobs WHERE user_id = $1"
SHIFT: Final = (
    "UPDATE leases SET expires_at = expires_at - $1::interval",
    "UPDATE transfers SET not_before = not_before - $1::interval WHERE state = 'queued'",
    "UPDATE reaper_pulse SET reap_not_before = reap_not_before - $1::interval",
)
SHIFT_BEAT: Final = "UPDATE reaper_pulse SET beat_at = beat_at - $1::interval"
PULSE_AGES: Final = """
SELECT extract(epoch FROM clock_timestamp() - beat_at)::float8,
       extract(epoch FROM clock_timestamp() - reap_not_before)::float8 FROM reaper_pulse
"""
READY: Final = """
UPDATE transfers SET not_before = clock_timestamp() WHERE state = 'queued' AND not_before > clock_timestamp()
"""
CLEAR: Final = (
    "DELETE FROM leases",
    "UPDATE attempts SET ended_at = clock_timestamp(), outcome = 'cancelled' WHERE ended_at IS NULL",
    """UPDATE transfers SET state = 'cancelled', ended_at = clock_timestamp()
       WHERE state NOT IN ('stored', 'failed', 'cancelled')""",
    "UPDATE reaper_pulse SET beat_at = clock_timestamp(), reap_not_before = clock_timestamp()",
)
KINDS: Final = {"resolving": RUNNING, "downloading": RUNNING, "storing": RUNNING, "queued": QUEUED, "parked": PARKED}


@dataclass(frozen=True)
class Seen:
    """A transfer's rows."""

    state: str
    epoch: int
    job: str
    lease: tuple[str, str, int, bool] | None  # agent, boot, epoch, expired


@dataclass(frozen=True)
class Outcome:
    """What came of a call: a value, an error that its caller hears, or (`broken`) nothing that anybody hears."""

    value: Any = None
    error: AppError | None = None
    broken: bool = False


@dataclass(frozen=True)
class Fate:
    """What happens to a call and its answer. `crash`: which transaction ends, and on which side of its COMMIT."""

    answer: str = "heard"  # or "lost", "late"
    crash: tuple[int, Where] | None = None


class Ground:
    """Made by `leasing`."""

    def __init__(self, ctx: Context, breaking: BreakingPool, pool: Pool, world: World, s3: Any) -> None:
        self.ctx = ctx
        self.breaking = breaking
        self._pool = pool
        self._world = world
        self._s3 = s3
        self._shifted = 0.0

    # --- time

    def now(self) -> float:
        """Seconds: those that pass by themselves, and those that were skipped."""
        return time.monotonic() + self._shifted

    async def skip(self, seconds: float, *, reaper_beats: bool) -> None:
        """Let time pass; with `reaper_beats` the reaper has been there all the while."""
        by = timedelta(seconds=seconds)
        async with connection(self._pool) as held, held.transaction():
            for statement in SHIFT if reaper_beats else (*SHIFT, SHIFT_BEAT):
                await held.execute(statement, by)
        self._shifted += seconds

    async def pulse_ages(self) -> tuple[float, float]:
        """Seconds since the reaper's last beat, and since it may reap (negative: not yet)."""
        async with connection(self._pool) as held:
            row = await held.fetchrow(PULSE_AGES)
        assert row is not None
        return float(row[0]), float(row[1])

    # --- calls

    async def call(self, make: Callable[[], Awaitable[Any]], crash: tuple[int, Where] | None = None) -> Outcome:
        """One use case, which may break."""
        broken = self.breaking.crashing(*crash) if crash else nullcontext()
        try:
            with broken:
                try:
                    return Outcome(await make())
                finally:  # what a crashed process was still doing ends with it
                    await asyncio.gather(*self.ctx.completing.values(), return_exceptions=True)
        except Crash:
            return Outcome(broken=True)
        except AppError as exc:
            return Outcome(error=exc)

    async def caller(self, credential: str) -> AgentCaller:
        """Who shows this credential."""
        return await authenticate_agent(self.ctx, credential)

    async def register(self, agent: str, boot: str) -> str:
        """Join; gives the credential."""
        asked = Registration(agent, uuid.UUID(boot), JOIN_SECRET, "", 8, 100 * GIB, (), "machine")
        return (await register_agent(self.ctx, asked)).credential

    async def submit(self, user: uuid.UUID, torrent: bytes) -> None:
        """A job of its own, with a key, so that a repeat is safe."""
        token = self._world.signer.mint(user, "user", OWN_SCOPES, None, datetime.now(UTC)).text
        with use_identity(token):
            await submit_job(self.ctx, user, Submission(TorrentSource(torrent), "", None, 0, str(user)))

    async def put(self, plan: WritePlan, body: bytes) -> WriteResult:
        """To S3, which knows no lease."""
        where = {"Bucket": self._world.s3.bucket, "Key": plan.object_key, "Body": body}
        upload = plan.s3_upload_id or ""
        if plan.part_number:
            answer = await self._s3.upload_part(**where, PartNumber=plan.part_number, UploadId=upload)
        else:
            answer = await self._s3.put_object(**where)
        return WriteResult(plan.file_index, plan.part_number, plan.object_key, upload, answer["ETag"], len(body))

    # --- looks

    async def transfer_of(self, user: uuid.UUID) -> tuple[uuid.UUID, str] | None:
        """The job and the transfer that this user's submit made, if it did."""
        async with connection(self._pool) as held:
            row = await held.fetchrow(JOBS_OF, user)
        return (row[0], row[1]) if row else None

    async def look(self, names: Sequence[str]) -> dict[str, Seen]:
        """These transfers; holds the rows against each other, too."""
        async with connection(self._pool) as held:
            rows = await held.fetch(LOOK, [uuid.UUID(name) for name in names])
        return {row["name"]: _seen(dict(row)) for row in rows}

    async def fingerprint(self) -> str:
        """Of every row that a call may change."""
        async with connection(self._pool) as held:
            return str(await held.fetchval(FINGERPRINT))

    async def value(self, sql: str, *args: object) -> Any:
        """The first value of the first row."""
        async with connection(self._pool) as held:
            return await held.fetchval(sql, *args)

    async def ready(self) -> None:
        """Whoever waits for a time that was set by a release waits no longer."""
        await self.value(READY)

    async def clear(self) -> None:
        """Nothing is left of earlier examples."""
        async with connection(self._pool) as held, held.transaction():
            for statement in CLEAR:
                await held.execute(statement)


def _seen(row: dict[str, Any]) -> Seen:
    lease = (row["agent_id"], row["boot_id"], row["lease_epoch"], row["expired"]) if row["agent_id"] else None
    state = KINDS.get(row["state"], ENDED)
    job = {"paused": PAUSED, "completed": OVER, "failed": OVER, "cancelled": OVER}.get(row["job"], WAITING)
    assert not row["overlapping"], "two attempts overlap"
    assert row["open_attempts"] == (lease is not None), f"open attempts and lease differ: {row}"
    if lease is None:
        assert state != RUNNING, f"it runs, and nobody holds it: {row}"
    else:
        assert lease[2] == row["epoch"] == row["open_epoch"], f"another epoch than its lease's: {row}"
        assert state == (QUEUED if lease[3] else RUNNING), f"its lease says otherwise: {row}"
    return Seen(state, row["epoch"], job, lease)


def lease_ref(ref: Ref) -> LeaseRef:
    """As use cases take it."""
    return LeaseRef(uuid.UUID(ref.transfer), ref.epoch)


@dataclass(frozen=True)
class Write:
    """One part of a sample's file, or the whole."""

    file_index: int
    number: int
    body: bytes

    @property
    def intent(self) -> WriteIntent:
        """What is told before it goes up."""
        return WriteIntent(self.file_index, self.number, len(self.body), zlib.crc32(self.body))


def writes_of(sample: Sample, part_size: int) -> list[Write]:
    """All that must go up."""
    made = []
    for index, file in enumerate(sample.files):
        data = sample.path_of(file).read_bytes()
        parted = len(data) > part_size
        for at in range(0, len(data), part_size if parted else len(data)):
            body = data[at : at + part_size] if parted else data
            made.append(Write(index, at // part_size + 1 if parted else 0, body))
    return made


@asynccontextmanager
async def leasing(world: World, s3_client: Any, **changes: Any) -> AsyncIterator[Ground]:
    """Jobs without its servers and its workers: what they would do, the machine does."""
    url = world.database.urls["jobs"]
    async with AsyncExitStack() as stack:
        inside = await stack.enter_async_context(open_pool(url, application_name="machine", max_size=8))
        outside = await stack.enter_async_context(open_pool(url, application_name="test", max_size=2))
        breaking = BreakingPool(inside)
        ctx = await stack.enter_async_context(bare_context(world, pool=inside, **changes))
        yield Ground(replace(ctx, pool=breaking.pool), breaking, outside, world, s3_client)
