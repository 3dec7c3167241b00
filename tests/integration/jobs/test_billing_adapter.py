"""What a plan allows, asked of a real billing service with the user's own identity, and kept for a moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tseeder_auth.adapters.identity_key import Signer, generate_pair, load_signer
from tseeder_billing.main import build
from tseeder_billing.settings import Settings
from tseeder_jobs.adapters.billing import Billing, Entitlements
from tseeder_kit.errors import AppError, Kind
from tseeder_kit.settings import load
from tseeder_rpc import Channel, open_channel, use_identity
from tseeder_stack.provision import Database


@dataclass
class Asked:
    """A billing service that can be stopped, and what is needed to ask it."""

    channel: Channel
    signer: Signer
    life: AsyncExitStack

    async def as_user(self, billing: Billing, user_id: UUID) -> Entitlements:
        token = self.signer.mint(user_id, "user", ("jobs:write",), None, datetime.now(UTC)).text
        with use_identity(token):
            return await billing.entitlements(user_id)


@pytest.fixture
async def asked(migrated_database: Database, tmp_path: Path) -> AsyncIterator[Asked]:
    private, public = generate_pair(tmp_path)
    env = {"TSEEDER_DATABASE_URL": migrated_database.urls["billing"], "TSEEDER_IDENTITY_PUBLIC_KEYS": str(public)}
    async with AsyncExitStack() as life:
        app = await life.enter_async_context(build(load(Settings, "billing", env)))
        async with open_channel(f"127.0.0.1:{app.rpc_port}") as channel:
            yield Asked(channel, load_signer(private), life)


async def test_the_users_own_plan_is_told(asked: Asked) -> None:
    found = await asked.as_user(Billing(asked.channel), uuid4())
    assert found.plan_id == "free"
    assert found.live_jobs > 0
    assert found.storage_bytes > 0
    assert found.running_transfers > 0


async def test_an_answer_is_good_for_a_moment_and_for_its_user_only(asked: Asked) -> None:
    kept, fresh = Billing(asked.channel, cache_seconds=60), Billing(asked.channel, cache_seconds=0)
    user = uuid4()
    first = await asked.as_user(kept, user)
    await asked.as_user(fresh, user)
    await asked.life.aclose()
    assert await asked.as_user(kept, user) == first
    for billing, who in ((kept, uuid4()), (fresh, user)):
        with pytest.raises(AppError) as caught:
            await asked.as_user(billing, who)
        assert caught.value.kind in {Kind.UNAVAILABLE, Kind.DEADLINE}
        assert caught.value.retryable


async def test_nobody_without_an_identity_is_answered(asked: Asked) -> None:
    with pytest.raises(AppError) as caught:
        await Billing(asked.channel).entitlements(uuid4())
    assert caught.value.kind is Kind.UNAUTHENTICATED
