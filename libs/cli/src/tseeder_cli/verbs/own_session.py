"""Sessions that a command makes for itself, for what no API key may do. Each is ended, however the command ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tseeder_cli import config
from tseeder_cli.client import Client, HeldSession
from tseeder_cli.target import Target


def last_email(target: Target) -> str:
    """The address of the last login there; "" without one."""
    login = config.load(config.config_path()).logins.get(target.server)
    return login.email if login else ""


async def sign_in(target: Target, email: str, password: str, code: str) -> HeldSession:
    """A session, to be ended by `ending` or `end`."""
    async with Client(target.url) as client:
        await client.log_in(email, password, code)
        return client.held()


async def end(held: HeldSession) -> None:
    """It comes to nothing."""
    async with Client(held.url) as client:
        client.go_on_with(held)
        await client.log_out()


@asynccontextmanager
async def ending(held: HeldSession) -> AsyncIterator[Client]:
    """A client of the session, which is ended afterwards, also if what it was for is refused."""
    async with Client(held.url) as client:
        client.go_on_with(held)
        try:
            yield client
        finally:
            await client.log_out()


@asynccontextmanager
async def going_on(held: HeldSession) -> AsyncIterator[Client]:
    """A client of the session, which is ended only if what it was for is refused, or interrupted."""
    async with Client(held.url) as client:
        client.go_on_with(held)
        try:
            yield client
        except BaseException:
            await client.log_out()
            raise
