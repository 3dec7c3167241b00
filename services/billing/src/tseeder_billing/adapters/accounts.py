"""auth, asked which accounts were deleted."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder.auth.v1 import feed_pb2
from tseeder.auth.v1.feed_pb2_grpc import FeedStub
from tseeder_kit.settings import SecretStr
from tseeder_rpc import Caller, Channel

MOST: Final = 1_000
SECONDS: Final = 5.0


class Accounts:
    """tseeder.auth.v1.Feed by this service's token; raises AppError while auth is away."""

    def __init__(self, channel: Channel, token: SecretStr) -> None:
        self._feed = FeedStub(
            Caller(channel, service="auth", deadline=SECONDS, credential=token.get_secret_value).channel
        )

    async def deleted(self, user_ids: Sequence[UUID]) -> list[UUID]:
        """Of these users, at most MOST, those whose accounts were deleted; who is only not known there is none."""
        request = feed_pb2.ListAccountsRequest(user_ids=[str(user_id) for user_id in user_ids])
        answer = await self._feed.ListAccounts(request)
        return [UUID(account.user_id) for account in answer.accounts if account.deleted]
