"""An admin service in the test's process, with a real auth behind a proxy that can lose answers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.integration.auth.running import Auth
from tseeder.admin.v1 import admin_pb2, admin_pb2_grpc
from tseeder_admin.main import build
from tseeder_admin.settings import Settings
from tseeder_kit.settings import load
from tseeder_pg import Pool, open_pool
from tseeder_rpc import Caller, open_channel, use_identity


@dataclass
class LossyProxy:
    """Forwards TCP; while `losing`, requests still arrive and answers do not."""

    target_port: int
    port: int = 0
    losing: bool = False
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        writers = [writer]
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
            writers.append(up_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, up_writer, answers=False))
                group.create_task(self._pump(up_reader, writer, answers=True))
        except* (OSError, EOFError):
            pass  # the other end sees the same: its connection ends below
        finally:
            for each in writers:
                each.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool) -> None:
        while data := await source.read(65536):
            if not (answers and self.losing):
                sink.write(data)
                await sink.drain()
        raise EOFError

    @asynccontextmanager
    async def run(self) -> AsyncIterator[LossyProxy]:
        """Listens while inside."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await asyncio.sleep(0)  # aborted transports close in the loop's next round


@dataclass(frozen=True)
class Admin:
    """A running service, its client, its database, and the auth behind it."""

    settings: Settings
    rpc_port: int
    ops_port: int
    operations: admin_pb2_grpc.OperationsStub
    pool: Pool
    auth: Auth
    auth_proxy: LossyProxy

    async def audit(self, identity: str, **fields: Any) -> list[admin_pb2.AuditEntry]:
        """The log, newest first."""
        with use_identity(identity):
            return list((await self.operations.ListAudit(admin_pb2.ListAuditRequest(**fields))).entries)

    async def row_count(self) -> int:
        """How many acts were begun."""
        count: int = await self.pool.fetchval("SELECT count(*) FROM audit_entries")
        return count

    async def outcome(self, target: str) -> str:
        """What came of the act on this target."""
        outcome: str = await self.pool.fetchval("SELECT outcome FROM audit_entries WHERE target = $1", target)
        return outcome


def why(reason: str = "the disk is failing", ticket_id: str = "OPS-1") -> admin_pb2.Justification:
    """A justification."""
    return admin_pb2.Justification(reason=reason, ticket_id=ticket_id)


def unique_email() -> str:
    """An address that no other test uses."""
    return f"made-{uuid.uuid4().hex[:12]}@example.org"


@asynccontextmanager
async def running_admin(dsn: str, auth: Auth, **env: str) -> AsyncIterator[Admin]:
    """The service on this database; `env` are settings, by their upper-case names."""
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(LossyProxy(auth.rpc_port).run())
        fields = {
            "DATABASE_URL": dsn,
            "IDENTITY_PUBLIC_KEYS": str(auth.settings.identity_public_keys),
            "AUTH_TARGET": f"127.0.0.1:{proxy.port}",
            "JOBS_TARGET": "127.0.0.1:1",
            **env,
        }
        settings = load(Settings, "admin", {f"TSEEDER_ADMIN_{name}": value for name, value in fields.items()})
        app = await stack.enter_async_context(build(settings))
        pool = await stack.enter_async_context(open_pool(dsn, application_name="test"))
        channel = await stack.enter_async_context(open_channel(f"127.0.0.1:{app.rpc_port}"))
        stub = admin_pb2_grpc.OperationsStub(Caller(channel, service="admin").channel)
        yield Admin(settings, app.rpc_port, app.ops_port, stub, pool, auth, proxy)
