"""An auth service in the test's process, called by real gRPC: for the tests of auth, and of services that call it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.looking import pauses
from tseeder.auth.v1 import auth_pb2, auth_pb2_grpc, oidc_pb2_grpc, registration_pb2_grpc
from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.adapters.identity_key import generate_pair
from tseeder_auth.adapters.sealing import write_key_file
from tseeder_auth.main import build
from tseeder_auth.settings import Settings
from tseeder_auth.usecases.add_user import add_user
from tseeder_auth.usecases.issue_bootstrap_token import issue_bootstrap_token
from tseeder_kit.settings import SecretStr
from tseeder_pg import Pool, open_pool
from tseeder_rpc import Caller, Verifier, load_public_keys, open_channel, use_identity

ROOT = "root@example.org"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Auth:
    """A running service, its clients, and its database."""

    settings: Settings
    rpc_port: int
    ops_port: int
    sessions: auth_pb2_grpc.SessionsStub
    me: auth_pb2_grpc.MeStub
    accounts: auth_pb2_grpc.AccountsStub
    registration: registration_pb2_grpc.RegistrationStub
    oidc: oidc_pb2_grpc.OidcStub
    pool: Pool
    verifier: Verifier
    _root: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def bootstrap(self, email: str) -> auth_pb2.User:
        """The first superadmin."""
        token = await self.new_bootstrap_token()
        return await self.sessions.Bootstrap(auth_pb2.BootstrapRequest(token=token, email=email, password=PASSWORD))

    async def new_bootstrap_token(self) -> str:
        """What the verb prints."""
        return await issue_bootstrap_token(self.pool, timedelta(minutes=15))

    async def log_in(
        self, email: str, password: str = PASSWORD, address: str = "", code: str = ""
    ) -> auth_pb2.LogInResponse:
        """A session."""
        return await self.sessions.LogIn(
            auth_pb2.LogInRequest(
                email=email, password=password, remote_address=address, user_agent="pytest", code=code
            )
        )

    async def exchange(self, *, session: str = "", key: str = "") -> auth_pb2.ExchangeResponse:
        """An identity token."""
        if key:
            return await self.sessions.Exchange(auth_pb2.ExchangeRequest(api_key=key))
        return await self.sessions.Exchange(auth_pb2.ExchangeRequest(session_token=session))

    async def identity(self, email: str) -> str:
        """The identity token of a fresh session."""
        return (await self.exchange(session=(await self.log_in(email)).session_token)).identity_token

    async def new_user(self, role: auth_pb2.Role.ValueType = auth_pb2.ROLE_USER, email: str = "") -> auth_pb2.User:
        """An account that the superadmin made."""
        request = auth_pb2.CreateUserRequest(
            email=email or unique_email(), password=PASSWORD, role=role, user_id=str(uuid.uuid4())
        )
        with use_identity(await self.root_identity()):
            return await self.accounts.CreateUser(request)

    async def new_user_by_row(self, role: auth_pb2.Role.ValueType) -> auth_pb2.User:
        """One who signed up, and was given this role: for a service whose superadmin may not make any."""
        email = unique_email()
        with Argon2Pool(workers=1, places=1) as hasher:
            user = await add_user(self.pool, hasher, email, PASSWORD)
        name = auth_pb2.Role.Name(role).removeprefix("ROLE_").lower()
        await self.pool.execute("UPDATE users SET role = $2 WHERE user_id = $1", user.user_id, name)
        return auth_pb2.User(user_id=str(user.user_id), email=email, role=role)

    async def root_identity(self) -> str:
        """The superadmin's identity token; for half a minute the same one, since hashing is what these tests cost."""
        token, born = self._root.get("token", ("", 0.0))
        if time.monotonic() - born > 30:
            token, born = await self.identity(ROOT), time.monotonic()
            self._root["token"] = (token, born)
        return token

    async def key_of(self, identity: str, **fields: Any) -> auth_pb2.CreateApiKeyResponse:
        """An API key of whoever the identity names."""
        with use_identity(identity):
            return await self.me.CreateApiKey(auth_pb2.CreateApiKeyRequest(**{"name": "a key", **fields}))


def unique_email() -> str:
    """An address that no other test uses."""
    return f"user-{uuid.uuid4().hex[:12]}@example.org"


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    """Waits until the condition holds."""
    async with asyncio.timeout(seconds):
        for pause in pauses():
            if await condition():
                return
            await asyncio.sleep(pause)


@asynccontextmanager
async def running_auth(dsn: str, nats_url: str, folder: Path, **changes: Any) -> AsyncIterator[Auth]:
    """The service on this database, with a client; `changes` are settings."""
    private, public = folder / "identity-private.pem", folder / "identity-public.pem"
    if not private.exists():
        generate_pair(folder)
    if not (crypto_keys := folder / "auth-keys.json").exists():
        write_key_file(crypto_keys)
    fields: dict[str, Any] = {
        "database_url": SecretStr(dsn),
        "nats_url": SecretStr(nats_url),
        "identity_private_key": private,
        "identity_public_keys": public,
        "crypto_keys": crypto_keys,
        "operators_need_second_factor": False,
    }
    settings = Settings(**{**fields, **changes})
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(build(settings))
        channel = await stack.enter_async_context(open_channel(f"127.0.0.1:{app.rpc_port}"))
        pool = await stack.enter_async_context(open_pool(dsn, application_name="test"))
        wired = Caller(channel, service="auth").channel
        yield Auth(
            settings,
            app.rpc_port,
            app.ops_port,
            auth_pb2_grpc.SessionsStub(wired),
            auth_pb2_grpc.MeStub(wired),
            auth_pb2_grpc.AccountsStub(wired),
            registration_pb2_grpc.RegistrationStub(wired),
            oidc_pb2_grpc.OidcStub(wired),
            pool,
            Verifier(load_public_keys(public)),
        )
