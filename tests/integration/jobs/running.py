"""A jobs service in the test's process, called by real gRPC as users call it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.looking import pauses
from tseeder.jobs.v1 import (
    agents_pb2_grpc,
    feed_pb2_grpc,
    grants_pb2_grpc,
    jobs_pb2_grpc,
    links_pb2_grpc,
    operators_pb2_grpc,
)
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_auth.adapters.identity_key import Signer, generate_pair, load_signer
from tseeder_billing import main as billing_main
from tseeder_billing.settings import Settings as BillingSettings
from tseeder_jobs.main import build
from tseeder_jobs.settings import Settings
from tseeder_kit.errors import AppError
from tseeder_kit.settings import SecretStr
from tseeder_pg import Pool, Record, connection, open_pool
from tseeder_rpc import Caller, Channel, open_channel, use_identity
from tseeder_stack.provision import Database
from tseeder_stack.s3 import S3Server

JOIN_SECRET = "join-secret-of-the-tests"
OWN_SCOPES = ("jobs:read", "jobs:write", "files:read", "files:write", "me:read", "me:write")
MIB = 1 << 20
T = TypeVar("T")

QUICK: dict[str, Any] = {
    "relay_seconds": 1.0,
    "sweep_seconds": 0.4,
    "delete_again_seconds": 1.0,
    "completing_seconds": 0.3,
    "upload_grace_seconds": 0.2,
    "part_size_bytes": 5 * MIB,
    "parser_processes": 1,
    "admit_private_hosts": True,
    "crypto_generate": True,
    "entitlements_cache_seconds": 0,
    "backoff_seconds": 0.05,
}


@dataclass(frozen=True)
class World:
    """What a jobs service needs around it."""

    database: Database
    nats_url: str
    s3: S3Server
    folder: Path
    signer: Signer
    public_keys: Path
    billing_target: str
    billing_pool: Pool = field(repr=False)

    def settings(self, **changes: Any) -> Settings:
        """A service's settings in this world, with short timers."""
        fields: dict[str, Any] = {
            "database_url": SecretStr(self.database.urls["jobs"]),
            "nats_url": self.nats_url,
            "identity_public_keys": self.public_keys,
            "billing_target": self.billing_target,
            "agent_join_secret": SecretStr(JOIN_SECRET),
            "s3_endpoint": self.s3.endpoint,
            "s3_region": self.s3.region,
            "s3_bucket": self.s3.bucket,
            "s3_access_key": self.s3.jobs.access,
            "s3_secret_key": SecretStr(self.s3.jobs.secret),
            "crypto_keys": self.folder / "crypto-keys.json",
        }
        return Settings(**{**fields, **QUICK, **changes})


@dataclass(frozen=True)
class Service:
    """A running service, its clients, and a look at its rows."""

    world: World
    settings: Settings
    ops_port: int
    jobs: jobs_pb2_grpc.JobsStub
    links: links_pb2_grpc.LinksStub
    grants: grants_pb2_grpc.GrantsStub
    operators: operators_pb2_grpc.OperatorsStub
    feed: feed_pb2_grpc.FeedStub
    channel: Channel
    pool: Pool = field(repr=False)
    users: list[User] = field(default_factory=list)

    def user(self, role: str = "user", scopes: Sequence[str] = OWN_SCOPES) -> User:
        """Somebody new."""
        user = User(self, uuid.uuid4(), role, tuple(scopes))
        self.users.append(user)
        return user

    def operator(self, role: str = "admin") -> User:
        """Somebody new who operates."""
        extra = ("admin:read",) if role == "support" else ("admin:read", "admin:write")
        return self.user(role, (*OWN_SCOPES, *extra))

    def agents(self, credential: Callable[[], str | None]) -> agents_pb2_grpc.AgentsStub:
        """A client for agents' calls."""
        return agents_pb2_grpc.AgentsStub(Caller(self.channel, service="jobs", credential=credential).channel)

    async def rows(self, sql: str, *args: object) -> list[Record]:
        """A look at the database."""
        async with connection(self.pool) as held:
            return await held.fetch(sql, *args)

    async def value(self, sql: str, *args: object) -> Any:
        """The first value of the first row, or None."""
        found = await self.rows(sql, *args)
        return found[0][0] if found else None

    async def transfer_of(self, job: model.Job | str) -> str:
        """The id of the transfer that a job waits on."""
        job_id = job if isinstance(job, str) else job.job_id
        return str(await self.value("SELECT transfer_id FROM jobs WHERE job_id = $1", uuid.UUID(job_id)))

    async def joined(self, job: model.Job, transfer_id: str) -> None:
        """Waits until a magnet's job waits on this transfer; those that join do so soon after, not at once."""

        async def there() -> bool:
            return await self.transfer_of(job) == transfer_id

        await eventually(there)


@dataclass(frozen=True)
class User:
    """A user, or an operator, who calls; each call carries a fresh identity token."""

    service: Service
    user_id: uuid.UUID
    role: str
    scopes: tuple[str, ...]

    async def call(self, method: Callable[[Any], Awaitable[T]], request: Any) -> T:
        """One call as this user."""
        token = self.service.world.signer.mint(self.user_id, self.role, self.scopes, None, datetime.now(UTC)).text
        with use_identity(token):
            return await method(request)

    def with_scopes(self, *scopes: str) -> User:
        """The same user, by a key of fewer scopes."""
        return User(self.service, self.user_id, self.role, scopes)

    async def submit(self, **fields: Any) -> model.Job:
        """A job from `torrent`, `magnet` or `info_hash`; `selection` is a list of indexes."""
        return (await self.submitted(**fields)).job

    async def submitted(self, selection: Sequence[int] | None = None, **fields: Any) -> pb.SubmitResponse:
        """As `submit`, with all that was answered."""
        wanted = None if selection is None else model.Selection(file_indexes=selection)
        return await self.call(self.service.jobs.Submit, pb.SubmitRequest(selection=wanted, **fields))

    async def job(self, job: model.Job | str) -> model.Job:
        """As it is now."""
        return await self.call(self.service.jobs.GetJob, pb.GetJobRequest(job_id=_id(job)))

    async def list_jobs(self, **fields: Any) -> pb.ListJobsResponse:
        """A page of jobs."""
        return await self.call(self.service.jobs.ListJobs, pb.ListJobsRequest(**fields))

    async def files(self, job: model.Job | str) -> list[model.File]:
        """All files of a job."""
        request = pb.ListFilesRequest(job_id=_id(job), limit=1000)
        return list((await self.call(self.service.jobs.ListFiles, request)).files)

    async def cancel(self, job: model.Job | str) -> model.Job:
        """End the wish."""
        return await self.call(self.service.jobs.CancelJob, pb.CancelJobRequest(job_id=_id(job)))

    async def delete(self, job: model.Job | str) -> None:
        """Give the job up."""
        await self.call(self.service.jobs.DeleteJob, pb.DeleteJobRequest(job_id=_id(job)))

    async def pause(self, job: model.Job | str) -> model.Job:
        """Not now."""
        return await self.call(self.service.jobs.PauseJob, pb.PauseJobRequest(job_id=_id(job)))

    async def resume(self, job: model.Job | str) -> model.Job:
        """Now."""
        return await self.call(self.service.jobs.ResumeJob, pb.ResumeJobRequest(job_id=_id(job)))

    async def retry(self, job: model.Job | str) -> model.Job:
        """Again."""
        return await self.call(self.service.jobs.RetryJob, pb.RetryJobRequest(job_id=_id(job)))

    async def select(self, job: model.Job | str, indexes: Sequence[int] | None) -> model.Job:
        """Other files; None: all."""
        chosen = None if indexes is None else model.Selection(file_indexes=indexes)
        request = pb.SetSelectionRequest(job_id=_id(job), selection=chosen)
        return await self.call(self.service.jobs.SetSelection, request)

    async def rename(self, job: model.Job | str, name: str | None) -> model.Job:
        """Call it something else; "": the torrent's own name, None: as it is."""
        return await self.call(self.service.jobs.UpdateJob, pb.UpdateJobRequest(job_id=_id(job), name=name))

    async def diagnosis(self, job: model.Job | str) -> pb.Diagnosis:
        """Why it is where it is."""
        return await self.call(self.service.jobs.DiagnoseJob, pb.DiagnoseJobRequest(job_id=_id(job)))

    async def prioritize(
        self, job: model.Job | str, priority: model.JobPriority.ValueType, name: str | None = None
    ) -> model.Job:
        """Let it go before or after one's own others."""
        request = pb.UpdateJobRequest(job_id=_id(job), name=name, priority=priority)
        return await self.call(self.service.jobs.UpdateJob, request)

    async def delete_file(self, file: model.File | str) -> None:
        """Give a file up."""
        file_id = file if isinstance(file, str) else file.file_id
        await self.call(self.service.jobs.DeleteFile, pb.DeleteFileRequest(file_id=file_id))

    async def open_read(self, file: model.File | str, offset: int = 0) -> pb.OpenReadResponse:
        """Where its bytes are."""
        file_id = file if isinstance(file, str) else file.file_id
        return await self.call(self.service.jobs.OpenRead, pb.OpenReadRequest(file_id=file_id, offset=offset))

    async def archive(self, job: model.Job | str, **fields: Any) -> tuple[pb.ArchiveHeader, list[pb.ArchiveEntry]]:
        """What an archive of a job's files is made of."""
        return await self.call(self._described, pb.DescribeArchiveRequest(job_id=_id(job), **fields))

    async def _described(self, request: pb.DescribeArchiveRequest) -> tuple[pb.ArchiveHeader, list[pb.ArchiveEntry]]:
        messages = [message async for message in self.service.jobs.DescribeArchive(request)]
        assert max(len(message.entries.entries) for message in messages) <= 1000
        return messages[0].header, [entry for message in messages[1:] for entry in message.entries.entries]

    async def open_archive(self, job: model.Job | str, *file_indexes: int) -> list[str]:
        """Where the bytes of some of its files are."""
        request = pb.OpenArchiveRequest(job_id=_id(job), file_indexes=file_indexes)
        return list((await self.call(self.service.jobs.OpenArchive, request)).urls)

    async def usage(self) -> pb.Usage:
        """What this user holds."""
        return await self.call(self.service.jobs.GetUsage, pb.GetUsageRequest())

    async def reaches(self, job: model.Job | str, *states: model.JobState.ValueType) -> model.Job:
        """The job once it is in one of these states."""

        async def there() -> bool:
            return (await self.job(job)).state in states

        await eventually(there)
        return await self.job(job)


def _id(job: model.Job | str) -> str:
    return job if isinstance(job, str) else job.job_id


async def refused(code: str, call: Awaitable[object]) -> AppError:
    """The call is refused with this code; gives the error."""
    with pytest.raises(AppError) as caught:
        await call
    assert caught.value.code == code
    return caught.value


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Waits until the condition holds."""
    async with asyncio.timeout(seconds):
        for pause in pauses():
            if await condition():
                return
            await asyncio.sleep(pause)


@asynccontextmanager
async def world(database: Database, nats_url: str, s3: S3Server, folder: Path) -> AsyncIterator[World]:
    """Keys and a real billing service around a database in which all migrations have run."""
    private, public = generate_pair(folder)
    settings = BillingSettings(
        database_url=SecretStr(database.urls["billing"]), identity_public_keys=public, rpc_port=0
    )
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(billing_main.build(settings))
        pool = await stack.enter_async_context(open_pool(database.urls["billing"], application_name="test"))
        yield World(
            database=database,
            nats_url=nats_url,
            s3=s3,
            folder=folder,
            signer=load_signer(private),
            public_keys=public,
            billing_target=f"127.0.0.1:{app.rpc_port}",
            billing_pool=pool,
        )


@asynccontextmanager
async def running(world: World, **changes: Any) -> AsyncIterator[Service]:
    """The service, with clients; `changes` are settings."""
    settings = world.settings(**changes)
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(build(settings))
        channel = await stack.enter_async_context(open_channel(f"127.0.0.1:{app.rpc_port}"))
        url = world.database.urls["jobs"]
        pool = await stack.enter_async_context(open_pool(url, application_name="test", max_size=4))
        wired = Caller(channel, service="jobs", deadline=30).channel
        yield Service(
            world=world,
            settings=settings,
            ops_port=app.ops_port,
            jobs=jobs_pb2_grpc.JobsStub(wired),
            links=links_pb2_grpc.LinksStub(wired),
            grants=grants_pb2_grpc.GrantsStub(wired),
            operators=operators_pb2_grpc.OperatorsStub(wired),
            feed=feed_pb2_grpc.FeedStub(wired),
            channel=channel,
            pool=pool,
        )
