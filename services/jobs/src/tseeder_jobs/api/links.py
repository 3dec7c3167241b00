"""tseeder.jobs.v1.Links: a user's links, and what opens to whoever holds a link's token."""

# ruff: noqa: N802
# The methods are named by the proto.

from __future__ import annotations

from datetime import UTC
from typing import Any, Final

from tseeder.jobs.v1 import jobs_pb2, links_pb2_grpc
from tseeder.jobs.v1 import links_pb2 as pb
from tseeder_jobs.api import wire
from tseeder_jobs.api.callers import user
from tseeder_jobs.api.submissions import idempotency_key
from tseeder_jobs.domain import links as rules
from tseeder_jobs.domain.links import LinkRow, Terms
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.count_download import count_download
from tseeder_jobs.usecases.create_links import create_links
from tseeder_jobs.usecases.create_playlist import create_playlist
from tseeder_jobs.usecases.end_link_read import end_link_read
from tseeder_jobs.usecases.list_links import list_links
from tseeder_jobs.usecases.open_link import Opening, open_link
from tseeder_jobs.usecases.revoke_link import revoke_link
from tseeder_kit.errors import invalid

SERVICE: Final = "/tseeder.jobs.v1.Links/"
PUBLIC_METHODS: Final = frozenset(f"{SERVICE}{name}" for name in ("OpenLink", "CountDownload", "EndLinkRead"))
"""The token is all that is asked for."""

MAX_FILES: Final = 1000


class LinksServicer(links_pb2_grpc.LinksServicer):
    """Wire to domain and back."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def CreateLinks(self, request: pb.CreateLinksRequest, context: Any) -> pb.CreateLinksResponse:
        """Make links."""
        caller = user("files:write")
        if not 1 <= len(request.file_ids) <= MAX_FILES:
            raise invalid("bad_file_ids", f"Links are made to 1 to {MAX_FILES} files at once.")
        created = await create_links(
            self._ctx, caller, [wire.file_id(text) for text in request.file_ids], _terms(request)
        )
        tokens = created.tokens or [""] * len(created.links)
        made = [pb.NewLink(link=_link(row), token=token) for row, token in zip(created.links, tokens, strict=True)]
        return pb.CreateLinksResponse(links=made, replayed=not created.tokens)

    async def CreatePlaylist(self, request: pb.CreatePlaylistRequest, context: Any) -> pb.CreatePlaylistResponse:
        """Links to what can be played."""
        caller = user("files:write")
        made = await create_playlist(self._ctx, caller, wire.job_id(request.job_id), request.folder)
        items = [pb.PlaylistItem(path=path, token=token) for path, token in made.items]
        return pb.CreatePlaylistResponse(job_name=made.name, items=items)

    async def ListLinks(self, request: pb.ListLinksRequest, context: Any) -> pb.ListLinksResponse:
        """A page of them, to one file or to all."""
        caller = user("files:read")
        file_id = wire.file_id(request.file_id) if request.file_id else None
        rows, following = await list_links(self._ctx, caller, file_id, cursor=request.cursor, limit=request.limit)
        return pb.ListLinksResponse(links=[_link(row) for row in rows], next_cursor=following)

    async def RevokeLink(self, request: pb.RevokeLinkRequest, context: Any) -> pb.RevokeLinkResponse:
        """End one."""
        caller = user("files:write")
        await revoke_link(self._ctx, caller, wire.link_id(request.link_id))
        return pb.RevokeLinkResponse()

    async def OpenLink(self, request: pb.OpenLinkRequest, context: Any) -> jobs_pb2.OpenReadResponse:
        """Where its file's bytes can be had."""
        by = Opening(request.token, request.password, request.begun)
        stream_id = wire.stream_id(request.stream_id) if request.stream_id else None
        return wire.read(await open_link(self._ctx, by, request.offset, stream_id))

    async def CountDownload(self, request: pb.CountDownloadRequest, context: Any) -> pb.CountDownloadResponse:
        """One begins."""
        await count_download(self._ctx, request.token)
        return pb.CountDownloadResponse()

    async def EndLinkRead(self, request: pb.EndLinkReadRequest, context: Any) -> pb.EndLinkReadResponse:
        """A reader is done."""
        await end_link_read(self._ctx, request.token, wire.stream_id(request.stream_id), request.sent_bytes)
        return pb.EndLinkReadResponse()


def _terms(request: pb.CreateLinksRequest) -> Terms:
    return Terms(
        expires_at=request.expires_at.ToDatetime(tzinfo=UTC) if request.HasField("expires_at") else None,
        download_limit=rules.download_limit(request.download_limit if request.HasField("download_limit") else None),
        password=rules.new_password(request.password if request.HasField("password") else None),
        idempotency_key=idempotency_key(request.idempotency_key),
    )


def _link(row: LinkRow) -> pb.Link:
    return pb.Link(
        link_id=str(row.link_id),
        file_id=str(row.file_id),
        job_id=str(row.job_id),
        path=row.path,
        token_prefix=row.token_prefix,
        has_password=row.has_password,
        download_limit=row.download_limit,
        downloads=row.downloads,
        last_counted_at=wire.timestamp(row.last_counted_at),
        created_at=wire.timestamp(row.created_at),
        expires_at=wire.timestamp(row.expires_at),
    )
