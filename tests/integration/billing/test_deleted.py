"""Who has deleted his account is on no plan any more, and nobody else loses his."""

from __future__ import annotations

import uuid
from pathlib import Path

from tests.integration.auth.running import PASSWORD, ROOT, eventually, running_auth
from tseeder.auth.v1 import auth_pb2
from tseeder_billing.main import build
from tseeder_billing.settings import Settings
from tseeder_billing.usecases.assign_plan import assign_plan
from tseeder_kit.settings import SecretStr
from tseeder_pg import open_pool
from tseeder_rpc import use_identity
from tseeder_stack.provision import Database

TOKEN = "a token of the billing service"


async def test_deleted_accounts_are_forgotten(migrated_database: Database, nats_url: str, tmp_path: Path) -> None:
    urls = migrated_database.urls
    async with (
        running_auth(urls["auth"], nats_url, tmp_path, billing_feed_token=SecretStr(TOKEN)) as auth,
        open_pool(urls["billing"], application_name="test") as pool,
    ):
        root = await auth.bootstrap(ROOT)
        user = await auth.new_user()
        unheard_of = uuid.uuid4()  # as if auth's database had been restored
        for user_id in (uuid.UUID(root.user_id), uuid.UUID(user.user_id), unheard_of):
            await assign_plan(pool, user_id, "plus")
        settings = Settings(
            database_url=SecretStr(urls["billing"]),
            identity_public_keys=auth.settings.identity_public_keys,
            rpc_port=0,
            auth_target=f"127.0.0.1:{auth.rpc_port}",
            auth_feed_token=SecretStr(TOKEN),
            sweep_seconds=0.1,
        )
        async with build(settings):
            with use_identity(await auth.identity(user.email)):
                await auth.me.DeleteMe(auth_pb2.DeleteMeRequest(proof=auth_pb2.Proof(password=PASSWORD)))

            async def forgotten() -> bool:
                left = "SELECT count(*) FROM user_plans WHERE user_id = $1"
                return not await pool.fetchval(left, uuid.UUID(user.user_id))

            await eventually(forgotten)
        kept = {row["user_id"] for row in await pool.fetch("SELECT user_id FROM user_plans")}
        assert kept == {uuid.UUID(root.user_id), unheard_of}
        assert not await auth.pool.fetchval("SELECT count(*) FROM feed_readers")  # it keeps no place
