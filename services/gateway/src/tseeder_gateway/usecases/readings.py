"""By what right a file is read: the caller's own, a link's, or a grant's. OpenContent reads alike by each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from tseeder.jobs.v1.jobs_pb2 import OpenReadResponse
from tseeder_gateway.adapters.grants import Grants
from tseeder_gateway.adapters.jobs import Jobs
from tseeder_gateway.adapters.links import Links
from tseeder_gateway.domain.access import Access

Authorize: TypeAlias = Callable[[], Awaitable[Access]]


class Reading(Protocol):
    """One answer's way to one file. Every method raises AppError as jobs meant it."""

    async def open(self, offset: int, stream_id: str, *, begun: bool) -> OpenReadResponse:
        """Where the bytes from `offset` on are, now; with a `stream_id` as one of the owner's streams. `begun`: bytes
        were handed out already."""

    async def count(self) -> None:
        """The file's first byte is about to be handed out."""

    async def end(self, stream_id: str, sent_bytes: int) -> None:
        """That stream is over, and has handed out so much."""


@dataclass
class OwnReading:
    """Of the caller's own file. `authorize` gives his access as it is by now."""

    jobs: Jobs
    authorize: Authorize
    file_id: str
    _identity: str = field(default="", init=False, repr=False)

    async def open(self, offset: int, stream_id: str, *, begun: bool) -> OpenReadResponse:
        """NOT_FOUND `file_not_found`, and what authorizing raises."""
        self._identity = (await self.authorize()).identity
        return await self.jobs.open_read(self._identity, self.file_id, offset=offset, stream_id=stream_id)

    async def count(self) -> None:
        """Nobody counts one's own."""

    async def end(self, stream_id: str, sent_bytes: int) -> None:
        """As who he was when it was looked at last: by now he may be nobody, and his stream ends all the same."""
        await self.jobs.end_read(self._identity, stream_id, sent_bytes)


@dataclass(frozen=True)
class LinkReading:
    """Of a link's file, by whoever has its token, and its password if it has one."""

    links: Links
    token: str = field(repr=False)
    password: str = field(repr=False)

    async def open(self, offset: int, stream_id: str, *, begun: bool) -> OpenReadResponse:
        """NOT_FOUND `link_not_found`; UNAUTHENTICATED `link_password_required`; FORBIDDEN `link_spent`."""
        return await self.links.open(self.token, self.password, offset=offset, stream_id=stream_id, begun=begun)

    async def count(self) -> None:
        """FORBIDDEN `link_spent` for one download too many."""
        await self.links.count(self.token)

    async def end(self, stream_id: str, sent_bytes: int) -> None:
        """Of the link's owner."""
        await self.links.end_read(self.token, stream_id, sent_bytes)


@dataclass(frozen=True)
class GrantReading:
    """Of a granted file, by whoever holds the grant."""

    grants: Grants
    grant: str = field(repr=False)

    async def open(self, offset: int, stream_id: str, *, begun: bool) -> OpenReadResponse:
        """NOT_FOUND `content_url_expired`."""
        return await self.grants.open(self.grant, offset=offset, stream_id=stream_id)

    async def count(self) -> None:
        """Nobody counts one's own."""

    async def end(self, stream_id: str, sent_bytes: int) -> None:
        """Of the file's owner."""
        await self.grants.end_read(self.grant, stream_id, sent_bytes)
