"""What is stored already, as it is asked for and told."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder_gateway.api.schemas.wire import UNKNOWN, Count, RequestBody, View, described, enum_names, one_of

CACHE_STATES: Final = enum_names(pb.CacheState, "CACHE_STATE_")

# What an info-hash is, jobs says, with a code for each that is none; so the gateway only tells of it.
InfoHash = Annotated[
    str, Field(json_schema_extra={"pattern": r"^\s*([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|[A-Za-z2-7]{32})\s*$"})
]


class CacheQuestionBody(RequestBody):
    """Which torrents are asked about, by their info-hashes, v1 or v2."""

    info_hashes: list[InfoHash] = Field(
        min_length=1, max_length=500, description="each 40 or 64 hex digits, or 32 of base32; not all zeros"
    )


class CachedTorrentView(View):
    """What is stored of a torrent. The numbers are 0 while it is `absent`; sizes are bytes."""

    info_hash: str = described("as it was asked for")
    state: str = one_of(CACHE_STATES)
    total_bytes: Count
    stored_bytes: Count
    file_count: Count
    stored_files: Count

    @classmethod
    def of(cls, torrent: pb.CachedTorrent) -> CachedTorrentView:
        """From jobs' message."""
        return cls(
            info_hash=torrent.info_hash,
            state=CACHE_STATES.get(torrent.state, UNKNOWN),
            total_bytes=torrent.total_bytes,
            stored_bytes=torrent.stored_bytes,
            file_count=torrent.file_count,
            stored_files=torrent.stored_files,
        )


class CacheAnswerView(View):
    """One item for each info-hash, in the order of the request."""

    items: list[CachedTorrentView]
