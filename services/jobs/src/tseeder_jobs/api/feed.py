"""tseeder.jobs.v1.Feed: what jobs tells the other services."""

# ruff: noqa: N802
# The methods are named by the proto.

from __future__ import annotations

from typing import Any

from google.protobuf.struct_pb2 import Struct

from tseeder.common.v1 import feed_pb2
from tseeder.jobs.v1 import feed_pb2_grpc
from tseeder_jobs.api.callers import operator
from tseeder_jobs.api.wire import timestamp
from tseeder_jobs.usecases.context import Context
from tseeder_pg import feed
from tseeder_pg.feed import FeedEvent


class FeedServicer(feed_pb2_grpc.FeedServicer):
    """Events tell of all users, so only an operator's identity reads them."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def ListEvents(self, request: feed_pb2.ListEventsRequest, context: Any) -> feed_pb2.ListEventsResponse:
        """The next events of a registered reader; acknowledges those before them."""
        operator("admin:read")
        page = await feed.list_events(self._ctx.pool, request.reader, request.after_seq, request.limit or feed.MAX_PAGE)
        return feed_pb2.ListEventsResponse(events=[_event(event) for event in page.events], head_seq=page.head_seq)


def _event(event: FeedEvent) -> feed_pb2.Event:
    payload = Struct()
    payload.update(event.payload)
    return feed_pb2.Event(
        seq=event.seq, type=event.type, entity_id=str(event.entity_id), payload=payload, at=timestamp(event.at)
    )
