"""auth's feed: what becomes of accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from uuid import UUID

from tseeder.auth.v1 import feed_pb2 as pb
from tseeder.auth.v1.feed_pb2_grpc import FeedStub
from tseeder.common.v1 import feed_pb2
from tseeder_jobs.domain.accounts import AccountEvent, Closed
from tseeder_kit.settings import SecretStr
from tseeder_rpc import Caller, Channel

READER: Final = "jobs"
PAGE: Final = 1_000
SECONDS: Final = 3.0
_MEANT: Final[Mapping[str, Closed | None]] = MappingProxyType(
    {"user.suspended": Closed.SUSPENDED, "user.reinstated": None, "user.deleted": Closed.DELETED}
)


@dataclass(frozen=True, slots=True)
class AccountPage:
    """What matters here of some events, in their order; up to where they go, and up to where there are more."""

    events: Sequence[AccountEvent]
    seq: int
    head_seq: int


class Accounts:
    """tseeder.auth.v1.Feed, as the reader `jobs`. Every call answers within SECONDS, or raises AppError."""

    def __init__(self, channel: Channel, token: SecretStr) -> None:
        self._feed = FeedStub(
            Caller(channel, service="auth", deadline=SECONDS, credential=token.get_secret_value).channel
        )

    async def events(self, after_seq: int) -> AccountPage:
        """The next ones, at most PAGE; all up to `after_seq` are acknowledged. RANGE `out_of_range` with `head_seq`
        if the place is lost."""
        request = feed_pb2.ListEventsRequest(reader=READER, after_seq=after_seq, limit=PAGE)
        page = await self._feed.ListEvents(request)
        known = [AccountEvent(UUID(each.entity_id), _MEANT[each.type]) for each in page.events if each.type in _MEANT]
        return AccountPage(known, page.events[-1].seq if page.events else after_seq, page.head_seq)

    async def those_of(self, user_ids: Sequence[UUID]) -> Mapping[UUID, Closed | None]:
        """Why each of these accounts, at most PAGE, is closed (None: it is open); without those that are not known."""
        request = pb.ListAccountsRequest(user_ids=[str(user_id) for user_id in user_ids])
        answer = await self._feed.ListAccounts(request)
        return {UUID(each.user_id): _state(each) for each in answer.accounts}

    async def suspended(self, after: UUID) -> list[UUID]:
        """Suspended users by id, at most PAGE."""
        answer = await self._feed.ListSuspended(pb.ListSuspendedRequest(after_user_id=str(after), limit=PAGE))
        return [UUID(each.user_id) for each in answer.accounts]


def _state(account: pb.AccountState) -> Closed | None:
    if account.deleted:
        return Closed.DELETED
    return Closed.SUSPENDED if account.suspended else None
