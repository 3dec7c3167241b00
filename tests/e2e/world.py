"""A whole tseeder as child processes, with an admin and two users, for tests that come by REST."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from tests.e2e.people import Log, Person
from tests.e2e.waiting import wait_for
from tests.faults.invariants import object_keys, violations
from tseeder_auth.usecases.issue_bootstrap_token import issue_bootstrap_token
from tseeder_cli.client import Client
from tseeder_pg import Pool, Record, connection, open_pool
from tseeder_stack.options import S3Kind, StackOptions
from tseeder_stack.service import MakeProgram, program
from tseeder_stack.stack import Stack

PASSWORD: Final = "correct horse battery staple"
ADMIN_SCOPES: Final = ("jobs:read", "jobs:write", "files:read", "files:write", "me:read", "admin:read", "admin:write")
LEASE_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 1.0
MIB: Final = 1 << 20

# Timers that a fault test waits for, in seconds.
QUICK: Final[Mapping[str, Mapping[str, str]]] = {
    "jobs": {
        "TSEEDER_JOBS_HEARTBEAT_SECONDS": "0.5",
        "TSEEDER_JOBS_SELF_STOP_SECONDS": "4",
        "TSEEDER_JOBS_LEASE_SECONDS": str(LEASE_SECONDS),
        "TSEEDER_JOBS_SWEEP_SECONDS": str(SWEEP_SECONDS),
        "TSEEDER_JOBS_COMPLETING_SECONDS": "2",
        "TSEEDER_JOBS_UPLOAD_GRACE_SECONDS": "2",
        "TSEEDER_JOBS_PRESIGN_SECONDS": "10",
        "TSEEDER_JOBS_PART_SIZE_BYTES": str(5 * MIB),
        "TSEEDER_JOBS_PARSER_PROCESSES": "1",
        "TSEEDER_JOBS_PARSE_SECONDS": "30",
    },
    "agent": {
        "TSEEDER_AGENT_DHT": "false",
        "TSEEDER_AGENT_SWARM_HOSTS": '["127.0.0.1"]',
        "TSEEDER_AGENT_CLAIM_SECONDS": "2",
        "TSEEDER_AGENT_RETRY_SECONDS": "0.2",
        "TSEEDER_AGENT_RETRY_LONGEST_SECONDS": "1",
        "TSEEDER_AGENT_AVAILABILITY_SECONDS": "1",
        "TSEEDER_AGENT_EVIDENCE_SECONDS": "1",
        "TSEEDER_AGENT_HAND_OVER_SECONDS": "1",
        "TSEEDER_AGENT_READ_WAIT_SECONDS": "5",
    },
    "gateway": {
        "TSEEDER_GATEWAY_EVENTS_REREAD_SECONDS": "2",
        "TSEEDER_GATEWAY_SHUTDOWN_SECONDS": "1",
        "TSEEDER_GATEWAY_CONTENT_WAIT_SECONDS": "10",
        "TSEEDER_GATEWAY_RATE_BURST": "100000",
    },
}


@dataclass(frozen=True)
class World:
    """The running stack, and who uses it."""

    stack: Stack
    admin: Person
    ann: Person
    ben: Person
    log: Log
    pool: Pool = field(repr=False)

    async def fetch(self, sql: str, *values: Any) -> list[Record]:
        """Rows of the jobs service's database."""
        async with connection(self.pool) as held:
            return await held.fetch(sql, *values)

    async def count(self, sql: str, *values: Any) -> int:
        """The one number that `sql` answers."""
        return int((await self.fetch(sql, *values))[0][0])

    async def keys(self) -> set[str]:
        """All object keys in S3; those of the test before may still be on their way out."""
        return await asyncio.to_thread(object_keys, self.stack.s3)

    async def violations(self) -> list[str]:
        """Everything that contradicts the invariants now."""
        log = self.log
        return await violations(
            self.stack.parts.database_urls["jobs"],
            self.stack.s3,
            accepted=log.accepted,
            deleted=log.deleted,
            contents=log.contents,
        )

    async def sound(self, *, timeout: float = 60.0) -> None:
        """Assert that the invariants hold, once sweeps have had their time."""
        found: list[str] = []

        async def none() -> bool:
            found[:] = await self.violations()
            return not found

        try:
            await wait_for(none, "the invariants hold", timeout=timeout)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *found])) from None

    async def cleared(self) -> None:
        """Delete all jobs of all people."""
        for person in (self.admin, self.ann, self.ben):
            await person.delete_all()


@asynccontextmanager
async def running(
    *,
    s3: S3Kind = "rclone",
    agents: int = 1,
    env: Mapping[str, Mapping[str, str]] | None = None,
    make_program: MakeProgram = program,
) -> AsyncIterator[World]:
    """A stack of its own, with quick timers and without fsync; `env` goes over that, by service."""
    settings = {name: {**QUICK.get(name, {}), **(env or {}).get(name, {})} for name in {*QUICK, *(env or {})}}
    async with AsyncExitStack() as opened:
        folder = Path(opened.enter_context(_folder()))
        options = StackOptions(state=folder, agents=agents, s3=s3, env=settings, safe=False)
        stack = await opened.enter_async_context(Stack(options, make_program))
        log = Log()
        admin = await _first_admin(stack, log, opened)
        ann, ben = [await _user(admin, name, opened) for name in ("ann", "ben")]
        database = stack.parts.database_urls["jobs"]
        pool = await opened.enter_async_context(open_pool(database, min_size=0, application_name="e2e"))
        yield World(stack, admin, ann, ben, log, pool)


def _folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="tseeder-e2e-", ignore_cleanup_errors=True)
    Path(folder.name).chmod(0o711)  # for the OS users of Postgres and RadosGW
    return folder


def _email(name: str) -> str:
    return f"{name}-{secrets.token_hex(3)}@example.org"


async def _first_admin(stack: Stack, log: Log, opened: AsyncExitStack) -> Person:
    database = stack.parts.database_urls["auth"]
    async with open_pool(database, min_size=0, max_size=1, application_name="e2e") as pool:
        token = await issue_bootstrap_token(pool, timedelta(minutes=1))
    async with Client(stack.gateway_url) as client:
        user = await client.bootstrap(token, _email("admin"), PASSWORD)
    return await _with_key(stack.gateway_url, user["email"], log, ADMIN_SCOPES, opened)


async def _user(admin: Person, name: str, opened: AsyncExitStack) -> Person:
    user = await admin.client.create_user(_email(name), PASSWORD, "user")
    return await _with_key(admin.client.url, user["email"], admin.log, (), opened)


async def _with_key(url: str, email: str, log: Log, scopes: tuple[str, ...], opened: AsyncExitStack) -> Person:
    """Sign in as `email`, and go on with a new API key."""
    async with Client(url) as session:
        signed_in = await session.log_in(email, PASSWORD)
        made = await session.create_api_key(f"e2e {uuid4().hex[:6]}", scopes)
    client = await opened.enter_async_context(Client(url, made["secret"]))
    return Person(signed_in["user"]["user_id"], email, client, made["secret"], log)
