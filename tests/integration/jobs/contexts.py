"""Jobs without its servers and its workers: what they would do at some time, a test does when it is time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from tests.integration.jobs.running import World
from tseeder_bus import connect
from tseeder_jobs.adapters.billing import Billing
from tseeder_jobs.adapters.parser import ParserPool
from tseeder_jobs.adapters.s3 import Endpoint, open_storage
from tseeder_jobs.adapters.scrypt import Scrypt
from tseeder_jobs.settings import Settings
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.open_keyring import open_keyring
from tseeder_kit.settings import SecretStr
from tseeder_pg import Pool, open_pool
from tseeder_rpc import open_channel


@asynccontextmanager
async def bare_context(world: World, *, pool: Pool | None = None, **changes: Any) -> AsyncIterator[Context]:
    """What use cases work with, on `pool`, or one of its own that barriers take for a service's. `changes` are
    settings."""
    settings = world.settings(**changes)
    async with AsyncExitStack() as stack:
        if pool is None:
            url = world.database.urls["jobs"]
            pool = await stack.enter_async_context(open_pool(url, application_name="tseeder-jobs", max_size=8))
        yield Context(
            settings=settings,
            pool=pool,
            bus=await stack.enter_async_context(connect(_text(settings.nats_url), name="machine")),
            keyring=await open_keyring(pool, settings.crypto_keys, generate=True),
            parser=await stack.enter_async_context(
                ParserPool(size=1, seconds=30, memory_bytes=512 << 20, admit_private=True)
            ),
            storage=await stack.enter_async_context(open_storage(_endpoint(settings), read_timeout=30)),
            billing=Billing(await stack.enter_async_context(open_channel(settings.billing_target)), cache_seconds=0),
            passwords=stack.enter_context(Scrypt()),
            poke_relay=lambda: None,
        )


def _endpoint(settings: Settings) -> Endpoint:
    return Endpoint(
        url=settings.s3_endpoint,
        region=settings.s3_region,
        bucket=settings.s3_bucket,
        access_key=settings.s3_access_key,
        secret_key=_text(settings.s3_secret_key),
        public_url=None,
        agent_url=None,
    )


def _text(secret: SecretStr | str) -> str:
    return secret if isinstance(secret, str) else secret.get_secret_value()
