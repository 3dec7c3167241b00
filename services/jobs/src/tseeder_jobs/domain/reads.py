"""What readers are told: where a file's bytes are, its ETag, and what a user holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import quote
from uuid import UUID

from tseeder_jobs.domain.rows import FileRow, Reason


@dataclass(frozen=True, slots=True)
class StoredUrl:
    """Presigned GETs; Range is not part of the signature. `public_url` is "" where redirects are off."""

    url: str
    public_url: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nobody can serve it now; look again."""

    reason: Reason
    retry_after_seconds: int


@dataclass(frozen=True, slots=True)
class Holder:
    """The boot that holds the lease of a file's transfer, and where it serves reads."""

    agent_id: str
    boot_id: UUID
    transfer_id: UUID
    epoch: int
    read_url: str
    credential_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentRead:
    """The agent at `read_url` fetches what is asked of it first, and serves it; `token` is what it wants to see."""

    read_url: str
    epoch: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadSource:
    """Where a file's bytes can be had. `source` None: the file has no bytes."""

    file: FileRow
    etag: str
    source: StoredUrl | AgentRead | Wait | None


@dataclass(frozen=True, slots=True)
class UsageView:
    """What a user holds, and what his plan allows."""

    live_jobs: int
    reserved_bytes: int
    charged_bytes: int
    storage_limit_bytes: int
    live_jobs_limit: int
    running_limit: int
    running: int
    plan_id: str
    bandwidth_bytes: int = 0  # since the month began
    bandwidth_limit_bytes: int = 0  # a month
    days: tuple[tuple[date, int], ...] = ()  # bandwidth by day


def etag(entry_id: UUID) -> str:
    """A strong ETag, in its quotes. An entry's bytes never change, so it is the same before and after they are stored,
    and for everybody who has the file."""
    return f'"{hashlib.sha256(entry_id.bytes).hexdigest()[:32]}"'


def attachment(name: str) -> str:
    """A Content-Disposition that saves under `name` and can break out of nothing (RFC 6266, RFC 8187)."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"
