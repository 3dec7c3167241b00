"""A gateway in the test's process, before real auth, billing, jobs and admin services, called over real HTTP."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from tests.integration.auth.running import PASSWORD, Auth, unique_email
from tests.integration.gateway import declared
from tests.integration.gateway.flaky import FlakyS3
from tests.integration.jobs.running import Service
from tseeder.auth.v1 import auth_pb2
from tseeder.jobs.v1.grants_pb2 import GrantReadRequest
from tseeder_admin import main as admin_main
from tseeder_admin.settings import Settings as AdminSettings
from tseeder_gateway.main import build
from tseeder_gateway.settings import Settings
from tseeder_kit.settings import SecretStr
from tseeder_rpc import use_identity

QUICK: dict[str, Any] = {
    "insecure_http": True,
    "identity_cache_seconds": 0,
    "events_reread_seconds": 600,
    "events_recheck_seconds": 600,
    "events_ping_seconds": 600,
    "events_gap_seconds": 0.01,
    "rate_burst": 1_000_000,
    "anonymous_rate_burst": 1_000_000,
    "shutdown_seconds": 1,
    "content_wait_seconds": 1,
}


@dataclass(frozen=True)
class Upstream:
    """The services behind gateways."""

    auth: Auth
    jobs: Service
    admin_port: int
    flaky: FlakyS3
    nats_url: str

    def settings(self, **changes: Any) -> Settings:
        """A gateway's settings before these services, with timers that do not go off by themselves."""
        fields: dict[str, Any] = {
            "auth_target": f"127.0.0.1:{self.auth.rpc_port}",
            "jobs_target": f"127.0.0.1:{self.jobs.settings.rpc_port}",
            "billing_target": self.jobs.world.billing_target,
            "admin_target": f"127.0.0.1:{self.admin_port}",
            "nats_url": self.nats_url,
        }
        return Settings(**{**fields, **QUICK, **changes})


@dataclass(frozen=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: Mapping[str, Any]

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the problem that this is; every error must be a whole one."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        problem = self.json
        assert set(problem) == {"type", "title", "status", "detail", "code", "request_id", "errors", "details"}
        assert problem["status"] == self.status
        assert problem["request_id"] == self.headers["X-Request-Id"]
        return str(problem["code"])


@dataclass(frozen=True)
class Door:
    """A running gateway."""

    upstream: Upstream
    settings: Settings
    http_port: int
    ops_port: int
    http: aiohttp.ClientSession = field(repr=False)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.http_port}"

    async def call(
        self,
        method: str,
        path: str,
        *,
        user: Caller | None = None,
        headers: Mapping[str, str] | None = None,
        **rest: Any,
    ) -> Reply:
        """One request; redirects are not followed. The description must allow the answer."""
        sent = {**(user.headers if user else {}), **(headers or {})}
        url = URL(self.url + path, encoded=True)
        async with self.http.request(method, url, headers=sent, allow_redirects=False, **rest) as answer:
            body = await answer.read()
            declared.check(method, path, answer.status, answer.headers, body)
            return Reply(answer.status, answer.headers, body, answer.cookies)

    async def raw(self, request: bytes, end: bytes | None = None) -> bytes:
        """The answer to these very bytes, up to `end`, or to the end of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.http_port)
        try:
            writer.write(request)
            async with asyncio.timeout(10):
                return await (reader.read() if end is None else reader.readuntil(end))
        finally:
            writer.close()


@dataclass(frozen=True)
class Caller:
    """Somebody who calls a gateway."""

    user_id: str
    email: str
    headers: Mapping[str, str]


async def signed_in(upstream: Upstream, role: auth_pb2.Role.ValueType = auth_pb2.ROLE_USER) -> Caller:
    """Somebody new, with an API key of all scopes that the role has."""
    auth = upstream.auth
    user = await auth.new_user(role)
    session = await auth.log_in(user.email)
    exchanged = await auth.exchange(session=session.session_token)
    key = await auth.key_of(exchanged.identity_token, scopes=list(exchanged.scopes))
    return Caller(user.user_id, user.email, {"Authorization": f"Bearer {key.secret}"})


async def with_scopes(upstream: Upstream, caller: Caller, *scopes: str) -> Caller:
    """The same person, by a key of fewer scopes."""
    key = await upstream.auth.key_of(await upstream.auth.identity(caller.email), scopes=list(scopes))
    return Caller(caller.user_id, caller.email, {"Authorization": f"Bearer {key.secret}"})


async def suspended(door: Door, who: Caller) -> None:
    """An operator closes the account."""
    auth = door.upstream.auth
    with use_identity(await auth.root_identity()):
        await auth.accounts.SetSuspended(auth_pb2.SetSuspendedRequest(user_id=who.user_id, suspended=True))


async def browsing(door: Door, email: str = "", password: str = PASSWORD) -> Caller:
    """The same person in a browser: a session cookie, and the CSRF token of its page."""
    who = email or (await door.upstream.auth.new_user(email=unique_email())).email
    answer = await door.call("POST", "/v1/auth/login", json={"email": who, "password": password})
    assert answer.status == 200, answer
    cookie = answer.cookies["tseeder"].value
    headers = {"Cookie": f"tseeder={cookie}", "X-CSRF-Token": answer.json["csrf_token"]}
    return Caller(answer.json["user"]["user_id"], who, headers)


async def granted(door: Door, user: Caller, file_id: str) -> str:
    """What a file's address on a content origin goes by."""
    auth, jobs = door.upstream.auth, door.upstream.jobs
    session = user.headers.get("Cookie", "").partition("=")[2]
    key = user.headers.get("Authorization", "").removeprefix("Bearer ")
    with use_identity((await auth.exchange(session=session, key=key)).identity_token):
        return (await jobs.grants.GrantRead(GrantReadRequest(file_id=file_id))).grant


async def linked_identity(door: Door, user_id: str) -> str:
    """The subject of the provider `example`, linked to this account, without a way through it."""
    subject = unique()
    await door.upstream.auth.pool.execute(
        "INSERT INTO oidc_identities (provider, subject, user_id, email) VALUES ('example', $1, $2, 'a@example.org')",
        subject,
        uuid.UUID(user_id),
    )
    return subject


@asynccontextmanager
async def running(upstream: Upstream, **changes: Any) -> AsyncIterator[Door]:
    """A gateway; `changes` are settings."""
    settings = upstream.settings(**changes)
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(build(settings))
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=30),
            )
        )
        yield Door(upstream, settings, gateway.http_port, gateway.ops_port, http)


@asynccontextmanager
async def running_admin(database_url: str, auth: Auth, jobs: Service) -> AsyncIterator[int]:
    """An admin service; gives its port."""
    fields: dict[str, Any] = {
        "database_url": SecretStr(database_url),
        "identity_public_keys": auth.settings.identity_public_keys,
        "auth_target": f"127.0.0.1:{auth.rpc_port}",
        "jobs_target": f"127.0.0.1:{jobs.settings.rpc_port}",
    }
    async with admin_main.build(AdminSettings(**fields)) as admin:
        yield admin.rpc_port


def unique() -> str:
    """A text that no other test uses."""
    return uuid.uuid4().hex
