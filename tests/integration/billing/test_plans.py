"""Plans on a real Postgres, through real gRPC."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tseeder.billing.v1 import billing_pb2, billing_pb2_grpc
from tseeder_auth.adapters.identity_key import Signer, generate_pair, load_signer
from tseeder_billing.main import build
from tseeder_billing.settings import Settings
from tseeder_billing.usecases.assign_plan import assign_plan
from tseeder_kit.errors import AppError, Kind
from tseeder_kit.settings import SettingsError, load
from tseeder_pg import Pool, connection, open_pool
from tseeder_rpc import Caller, open_channel, use_identity
from tseeder_stack.provision import create_database


@dataclass(frozen=True)
class Billing:
    """A running service."""

    settings: Settings
    ops_port: int
    plans: billing_pb2_grpc.PlansStub
    pool: Pool
    signer: Signer

    def identity(self, user_id: uuid.UUID) -> str:
        return self.signer.mint(user_id, "user", ("jobs:write",), None, datetime.now(UTC)).text

    async def entitlements(self, user_id: uuid.UUID) -> billing_pb2.Entitlements:
        with use_identity(self.identity(user_id)):
            return await self.plans.GetEntitlements(billing_pb2.GetEntitlementsRequest())


@pytest.fixture(scope="module")
async def billing(
    postgres: Any, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Billing]:
    """The service, for this module."""
    name = f"billing_{uuid.uuid4().hex[:8]}"
    await create_database(postgres.admin_url, name, template=migrated_template)
    dsn = postgres.database(name).urls["billing"]
    private, public = generate_pair(tmp_path_factory.mktemp("keys"))
    settings = load(Settings, "billing", {"TSEEDER_DATABASE_URL": dsn, "TSEEDER_IDENTITY_PUBLIC_KEYS": str(public)})
    async with (
        build(settings) as app,
        open_channel(f"127.0.0.1:{app.rpc_port}") as channel,
        open_pool(dsn, application_name="test") as pool,
    ):
        stub = billing_pb2_grpc.PlansStub(Caller(channel, service="billing").channel)
        yield Billing(settings, app.ops_port, stub, pool, load_signer(private))


async def test_anybody_may_see_the_plans(billing: Billing) -> None:
    plans = (await billing.plans.ListPlans(billing_pb2.ListPlansRequest())).plans
    assert [(plan.plan_id, plan.is_default) for plan in plans] == [("free", True), ("plus", False)]
    free = plans[0].entitlements
    assert (free.plan_id, free.live_jobs, free.running_transfers, free.storage_bytes) == ("free", 1000, 4, 2**40)
    assert (free.bandwidth_bytes_per_month, free.retention_days, free.priority, free.streams) == (100 * 2**40, 0, 0, 10)


async def test_a_user_has_the_default_plan_or_his_own(billing: Billing) -> None:
    user, other = uuid.uuid4(), uuid.uuid4()
    assert (await billing.entitlements(user)).plan_id == "free"
    env = {
        "TSEEDER_BILLING_DATABASE_URL": billing.settings.database_url.get_secret_value(),
        "TSEEDER_BILLING_IDENTITY_PUBLIC_KEYS": str(billing.settings.identity_public_keys),
    }
    for plan, code in (("plus", 0), ("none", 1)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tseeder_billing", "assign-plan", str(user), plan, env=env, stdout=-1, stderr=-1
        )
        async with asyncio.timeout(20):
            await process.communicate()
        assert process.returncode == code
    mine = await billing.entitlements(user)
    assert (mine.plan_id, mine.running_transfers) == ("plus", 16)
    assert (await billing.entitlements(other)).plan_id == "free"


async def test_entitlements_need_an_identity(billing: Billing) -> None:
    for token in (None, "x"):
        with use_identity(token), pytest.raises(AppError) as caught:
            await billing.plans.GetEntitlements(billing_pb2.GetEntitlementsRequest())
        assert caught.value.kind is Kind.UNAUTHENTICATED


async def test_without_a_default_plan_it_says_so(billing: Billing) -> None:
    await billing.pool.execute("UPDATE plans SET is_default = false")
    try:
        with pytest.raises(AppError) as caught:
            await billing.entitlements(uuid.uuid4())
    finally:
        await billing.pool.execute("UPDATE plans SET is_default = (plan_id = 'free')")
    assert (caught.value.kind, caught.value.code) == (Kind.UNAVAILABLE, "no_default_plan")


async def test_it_is_alive_and_ready(billing: Billing) -> None:
    async with aiohttp.ClientSession() as client:
        for path in ("healthz", "readyz", "metrics"):
            async with client.get(f"http://127.0.0.1:{billing.ops_port}/{path}") as answer:
                assert answer.status == 200


async def test_a_key_file_that_is_none_is_refused(billing: Billing, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        with pytest.raises(SettingsError):
            async with build(billing.settings.model_copy(update={"identity_public_keys": path})):
                raise AssertionError("it started")


async def test_how_long_files_are_kept_is_told_without_an_identity(billing: Billing) -> None:
    """In the order asked, of users whom billing never heard of, too; a plan that changes counts at once."""
    one, two = uuid.uuid4(), uuid.uuid4()

    async def kept(*user_ids: object) -> list[tuple[str, int]]:
        request = billing_pb2.ListRetentionRequest(user_ids=[str(each) for each in user_ids])
        return [(each.user_id, each.retention_days) for each in (await billing.plans.ListRetention(request)).users]

    assert await kept(two, one) == [(str(two), 0), (str(one), 0)]
    async with connection(billing.pool) as held:
        await held.execute("UPDATE plans SET retention_days = 30 WHERE plan_id = 'plus'")
    await assign_plan(billing.pool, one, "plus")
    assert await kept(two, one) == [(str(two), 0), (str(one), 30)]
    assert await kept() == []
    for code, asked in (("bad_id", ["x"]), ("too_many_users", [str(one)] * 1001)):
        with pytest.raises(AppError) as refused:
            await kept(*asked)
        assert refused.value.code == code
