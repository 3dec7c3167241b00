"""jobs: links. Their owner's calls carry his identity; those of who holds a token carry the token, and nobody's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tseeder.jobs.v1 import jobs_pb2
from tseeder.jobs.v1 import links_pb2 as pb
from tseeder.jobs.v1.links_pb2_grpc import LinksStub
from tseeder_rpc import Caller, use_identity


class Links:
    """Every method raises AppError as jobs meant it."""

    def __init__(self, caller: Caller, *, seconds: float) -> None:
        self._stub = LinksStub(caller.channel)
        self._seconds = seconds

    async def create(
        self,
        identity: str,
        file_ids: Sequence[str],
        *,
        expires_at: datetime | None,
        download_limit: int | None,
        password: str | None,
        idempotency_key: str,
    ) -> pb.CreateLinksResponse:
        """A link to each of the files; their tokens are in this answer only."""
        request = pb.CreateLinksRequest(
            file_ids=file_ids, download_limit=download_limit, password=password, idempotency_key=idempotency_key
        )
        if expires_at is not None:
            request.expires_at.FromDatetime(expires_at)
        with use_identity(identity):
            return await self._stub.CreateLinks(request, timeout=self._seconds)

    async def create_playlist(self, identity: str, job_id: str, folder: str) -> pb.CreatePlaylistResponse:
        """Links of a day to a job's video and audio files, or to those of a folder of it, in natural order."""
        request = pb.CreatePlaylistRequest(job_id=job_id, folder=folder)
        with use_identity(identity):
            return await self._stub.CreatePlaylist(request, timeout=self._seconds)

    async def list(self, identity: str, *, file_id: str, cursor: str, limit: int) -> pb.ListLinksResponse:
        """The caller's links, newest first: to one file, or ("") to any."""
        request = pb.ListLinksRequest(file_id=file_id, cursor=cursor, limit=limit)
        with use_identity(identity):
            return await self._stub.ListLinks(request, timeout=self._seconds)

    async def revoke(self, identity: str, link_id: str) -> None:
        """Ends a link."""
        with use_identity(identity):
            await self._stub.RevokeLink(pb.RevokeLinkRequest(link_id=link_id), timeout=self._seconds)

    async def open(
        self, token: str, password: str, *, offset: int, stream_id: str, begun: bool
    ) -> jobs_pb2.OpenReadResponse:
        """Where the file's bytes can be had from `offset` on, now; `begun`: some were handed out already."""
        request = pb.OpenLinkRequest(token=token, password=password, offset=offset, stream_id=stream_id, begun=begun)
        return await self._stub.OpenLink(request, timeout=self._seconds)

    async def count(self, token: str) -> None:
        """A download begins."""
        await self._stub.CountDownload(pb.CountDownloadRequest(token=token), timeout=self._seconds)

    async def end_read(self, token: str, stream_id: str, sent_bytes: int) -> None:
        """That reader is done, and got so much."""
        request = pb.EndLinkReadRequest(token=token, stream_id=stream_id, sent_bytes=sent_bytes)
        await self._stub.EndLinkRead(request, timeout=self._seconds)
