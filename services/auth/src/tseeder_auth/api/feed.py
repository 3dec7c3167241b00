"""tseeder.auth.v1.Feed: what auth tells the other services."""

# ruff: noqa: N802
# The methods are named by the proto.

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from google.protobuf.struct_pb2 import Struct

from tseeder.auth.v1 import feed_pb2 as pb
from tseeder.auth.v1 import feed_pb2_grpc
from tseeder.common.v1 import feed_pb2
from tseeder_auth.api.wire import Context, id_of, timestamp
from tseeder_auth.domain.accounts import AccountState
from tseeder_auth.usecases.show_accounts import list_accounts, list_suspended
from tseeder_kit.errors import forbidden
from tseeder_pg import Pool, feed
from tseeder_pg.feed import FeedEvent
from tseeder_rpc import Authenticator, bearer, current_caller

SERVICE: Final = "/tseeder.auth.v1.Feed/"
_NOBODY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class FeedReader:
    """A service that reads the feed."""

    name: str


class FeedServicer(feed_pb2_grpc.FeedServicer):
    """Events tell of all users, so only a reader's own token opens this; a user's identity does not."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ListEvents(self, request: feed_pb2.ListEventsRequest, context: Context) -> feed_pb2.ListEventsResponse:
        """The next events of a registered reader; acknowledges those before them."""
        reader = current_caller(FeedReader)
        if request.reader != reader.name:
            raise forbidden("not_this_reader", "This token is another reader's.")
        page = await feed.list_events(self._pool, reader.name, request.after_seq, request.limit or feed.MAX_PAGE)
        return feed_pb2.ListEventsResponse(events=[_event(event) for event in page.events], head_seq=page.head_seq)

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Context) -> pb.ListAccountsResponse:
        """What each of these accounts is."""
        current_caller(FeedReader)
        return _accounts(await list_accounts(self._pool, [id_of("user_ids", each) for each in request.user_ids]))

    async def ListSuspended(self, request: pb.ListSuspendedRequest, context: Context) -> pb.ListAccountsResponse:
        """All that are suspended, a page of them."""
        current_caller(FeedReader)
        after = id_of("after_user_id", request.after_user_id) if request.after_user_id else _NOBODY
        return _accounts(dict.fromkeys(await list_suspended(self._pool, after, request.limit), "suspended"))


def with_readers(users: Authenticator, tokens: Mapping[str, str]) -> Authenticator:
    """Readers by their tokens, for the feed's calls only; everybody else as `users` says."""

    async def authenticate(method: str, metadata: Mapping[str, str]) -> object | None:
        if not method.startswith(SERVICE):
            return await users(method, metadata)
        given = (bearer(metadata) or "").encode()
        return next(
            (FeedReader(name) for name, token in tokens.items() if hmac.compare_digest(given, token.encode())), None
        )

    return authenticate


def _accounts(states: Mapping[UUID, AccountState]) -> pb.ListAccountsResponse:
    return pb.ListAccountsResponse(
        accounts=[
            pb.AccountState(user_id=str(user_id), suspended=state == "suspended", deleted=state == "deleted")
            for user_id, state in states.items()
        ]
    )


def _event(event: FeedEvent) -> feed_pb2.Event:
    payload = Struct()
    payload.update(event.payload)
    return feed_pb2.Event(
        seq=event.seq, type=event.type, entity_id=str(event.entity_id), payload=payload, at=timestamp(event.at)
    )
