"""Who reads auth's feed, and what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.auth.running import ROOT, Auth, eventually, running_auth
from tseeder.auth.v1 import auth_pb2, feed_pb2
from tseeder.auth.v1.feed_pb2_grpc import FeedStub
from tseeder.common.v1.feed_pb2 import ListEventsRequest
from tseeder_kit.errors import AppError
from tseeder_kit.settings import SecretStr
from tseeder_rpc import Caller, open_channel, use_identity
from tseeder_stack.provision import Database

TOKEN = "what jobs reads it with"


@pytest.fixture
async def told(migrated_database: Database, nats_url: str, tmp_path: Path) -> AsyncIterator[Auth]:
    """A service whose feed jobs reads."""
    fields: dict[str, Any] = {"jobs_feed_token": SecretStr(TOKEN), "relay_seconds": 0.1}
    async with running_auth(migrated_database.urls["auth"], nats_url, tmp_path, **fields) as auth:
        yield auth


async def test_a_reader_with_its_token_and_nobody_else(told: Auth) -> None:
    root = await told.bootstrap(ROOT)
    user = await told.new_user()
    with use_identity(await told.root_identity()):
        await told.accounts.SetSuspended(auth_pb2.SetSuspendedRequest(user_id=user.user_id, suspended=True))
    async with open_channel(f"127.0.0.1:{told.rpc_port}") as channel:
        feed = FeedStub(Caller(channel, service="auth").channel)
        ask = ListEventsRequest(reader="jobs", after_seq=0)
        for token in (None, await told.root_identity(), "another token", ""):
            with use_identity(token):
                for call in (
                    feed.ListEvents(ask),
                    feed.ListAccounts(feed_pb2.ListAccountsRequest()),
                    feed.ListSuspended(feed_pb2.ListSuspendedRequest()),
                ):
                    with pytest.raises(AppError) as caught:
                        await call
                    assert caught.value.code == "unauthenticated"
        with use_identity(TOKEN):
            with pytest.raises(AppError) as caught:
                await feed.ListEvents(ListEventsRequest(reader="billing"))
            assert caught.value.code == "not_this_reader"
            with pytest.raises(AppError) as caught:
                await told.accounts.ListUsers(auth_pb2.ListUsersRequest())  # it opens nothing else
            assert caught.value.code == "identity_invalid"

            async def stamped() -> bool:
                return len((await feed.ListEvents(ask)).events) >= 3

            await eventually(stamped)
            events = (await feed.ListEvents(ask)).events
            there = await feed.ListAccounts(
                feed_pb2.ListAccountsRequest(
                    user_ids=[user.user_id, root.user_id, "5f0c2a1e-8b1d-4c37-9a55-1f0e2d3c4b5a"]
                )
            )
            suspended = await feed.ListSuspended(feed_pb2.ListSuspendedRequest())
    found = [(event.type, event.entity_id) for event in events if event.type.startswith("user.")]
    assert found == [
        ("user.created", root.user_id),
        ("user.created", user.user_id),
        ("user.suspended", user.user_id),
    ]
    assert "example.org" not in str(events)  # ids only
    assert {(each.user_id, each.suspended) for each in there.accounts} == {(user.user_id, True), (root.user_id, False)}
    assert [each.user_id for each in suspended.accounts] == [user.user_id]
