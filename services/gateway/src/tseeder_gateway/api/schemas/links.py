"""Links to files."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from tseeder.jobs.v1 import links_pb2 as pb
from tseeder_gateway.api.schemas.wire import (
    Count,
    Id,
    Instant,
    OptionalCursor,
    OptionalInt,
    Query,
    RequestBody,
    View,
    described,
    present_timestamp,
    timestamp,
)


class NewLinkBody(RequestBody):
    """A link to be made."""

    expires_at: Instant | None = Field(default=None, description="within a year; null or absent: in 7 days")
    download_limit: int | None = Field(
        default=None,
        description="how often it may be downloaded: requests for the file's first byte are counted; null or absent: "
        "as often as one likes",
        json_schema_extra={"minimum": 1, "maximum": 1_000_000},
    )
    password: str | None = Field(
        default=None,
        description="8 to 128 characters, asked for by HTTP Basic with any user name; null or absent: none",
        json_schema_extra={"minLength": 8, "maxLength": 128},
    )


class LinksQuery(Query):
    """From where on."""

    cursor: OptionalCursor = None
    limit: OptionalInt = Field(default=None, ge=1, le=1000, description="200 if not given")


class LinkView(View):
    """A link, without its token."""

    link_id: Id
    file_id: Id
    job_id: Id
    path: list[str] = described("of the file", minItems=1)
    token_prefix: str = described("what the token begins with", pattern="^[A-Za-z0-9_-]{6}$")
    has_password: bool
    download_limit: int | None = described(minimum=1)
    downloads: Count
    last_counted_at: datetime | None = described("when the last download began")
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, link: pb.Link) -> LinkView:
        """From jobs' message."""
        return cls(
            link_id=link.link_id,
            file_id=link.file_id,
            job_id=link.job_id,
            path=list(link.path),
            token_prefix=link.token_prefix,
            has_password=link.has_password,
            download_limit=link.download_limit if link.HasField("download_limit") else None,
            downloads=link.downloads,
            last_counted_at=timestamp(link, "last_counted_at"),
            created_at=present_timestamp(link, "created_at"),
            expires_at=present_timestamp(link, "expires_at"),
        )


class NewLinkView(View):
    """A link that was made. `token` and `url` are shown this once; on an idempotent replay they are empty."""

    link: LinkView
    token: str = described(pattern="^([A-Za-z0-9_-]{43})?$")
    url: str = described("the whole address, as this request came to it", pattern="^(https?://.*/v1/links/.{43})?$")
