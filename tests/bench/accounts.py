"""A stack with accounts, for benches of signing in: no root, no agents; nobody is slowed down or counted against."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.usecases.add_user import add_user
from tseeder_cli.client import Client
from tseeder_pg import open_pool
from tseeder_stack.options import StackOptions
from tseeder_stack.stack import Stack

SCOPES: Final = ("jobs:read", "files:read", "me:read")
# One address makes all requests, and many of its passwords are wrong: what would be refused would not be measured.
UNTHROTTLED: Final[Mapping[str, Mapping[str, str]]] = {
    "auth": {
        "TSEEDER_AUTH_LOGIN_ACCOUNT_FREE_FAILURES": "1000000",
        "TSEEDER_AUTH_LOGIN_ADDRESS_FREE_FAILURES": "1000000",
        "TSEEDER_AUTH_MAIL_ACCOUNT_FREE": "1000000",
        "TSEEDER_AUTH_MAIL_ADDRESS_FREE": "1000000",
    },
    "gateway": {"TSEEDER_GATEWAY_ANONYMOUS_RATE_BURST": "10000000", "TSEEDER_GATEWAY_RATE_BURST": "10000000"},
}


@dataclass(frozen=True)
class Accounts:
    """The stack's gateway, people with passwords, and somebody's API key."""

    url: str
    people: Sequence[tuple[str, str]] = field(repr=False)
    key: str = field(repr=False)
    http: aiohttp.ClientSession = field(repr=False)

    async def log_in(self, email: str, password: str) -> int:
        """The status of one sign-in, read to its end."""
        async with self.http.post(f"{self.url}/v1/auth/login", json={"email": email, "password": password}) as answer:
            await answer.read()
            return answer.status


@asynccontextmanager
async def stack_with_accounts(state: Path, people: int) -> AsyncIterator[Accounts]:
    """All services as the launcher starts them, with fsync, and `people` verified accounts."""
    options = StackOptions(state=state, agents=0, s3="rclone", env=UNTHROTTLED)
    timeout = aiohttp.ClientTimeout(total=60)
    jar = aiohttp.DummyCookieJar()
    async with (
        Stack(options) as stack,
        Client(stack.gateway_url) as door,
        aiohttp.ClientSession(timeout=timeout, cookie_jar=jar, connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        made = [(f"person-{number}@example.org", secrets.token_urlsafe(16)) for number in range(people)]
        dsn = stack.parts.database_urls["auth"]
        with Argon2Pool(workers=2, places=2) as hasher:
            async with open_pool(dsn, min_size=0, max_size=1, application_name="bench") as pool:
                for email, password in made:
                    await add_user(pool, hasher, email, password)
        await door.log_in(*made[0])
        key = (await door.create_api_key("bench", SCOPES))["secret"]
        yield Accounts(stack.gateway_url, made, key, http)
