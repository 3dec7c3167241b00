"""Torrents of many names, and walks through their lists."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from tests.integration.jobs.running import User
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_testkit import raw_torrents as raw

_serial = itertools.count(1)

HOSTILE = (
    " leading and trailing ",
    "50% off + more & = ? # ;",
    "%2F%00..%252e",
    "line\r\nfeed\ttab",
    "\u202egpj.exe",
    "caf\u00e9",
    "cafe\u0301 2",
    "...",
    "-rf",
    "'; DROP TABLE files; --",
    "{a,b}",
    '"quoted, list"',
    "NULL",
    "\U0001f4a9\u200d",
    "x" * 255,
    "\u00fc" * 500,
)
"""Names that a torrent may have, each good for a folder."""


def torrent_of(sizes: Mapping[str, int]) -> bytes:
    """A .torrent with these files, in this order, that nobody else has."""
    files = [(path.split("/"), size) for path, size in sizes.items()]
    return raw.torrent(raw.v1_info(files, name=f"named {next(_serial)}", piece_length=1 << 20))


async def list_files(user: User, job: model.Job | None = None, **fields: Any) -> list[model.File]:
    """All pages of a list of files, in natural order where it is of a job."""
    found: list[model.File] = []
    known = {"job_id": job.job_id, "order": pb.FILE_ORDER_NATURAL} if job else {}
    cursor = ""
    while True:
        request = pb.ListFilesRequest(**{**known, **fields, "cursor": cursor})
        page = await user.call(user.service.jobs.ListFiles, request)
        found += page.files
        cursor = page.next_cursor
        if not cursor:
            return found


async def list_folder(user: User, job: model.Job, folder: str = "", limit: int = 0) -> pb.ListFolderResponse:
    """All pages of one folder, as one."""
    whole = pb.ListFolderResponse()
    request = pb.ListFolderRequest(job_id=job.job_id, folder=folder, limit=limit)
    while True:
        page = await user.call(user.service.jobs.ListFolder, request)
        assert page.HasField("totals") == (request.cursor == "")
        whole.MergeFrom(page)
        request.cursor = page.next_cursor
        if not request.cursor:
            return whole


def paths(files: Any) -> list[str]:
    """As they stand in the torrent."""
    return ["/".join(file.path) for file in files]


def totals(*of: int) -> model.FileTotals:
    """Files and bytes: all, wanted, stored."""
    names = ("file_count", "total_bytes", "wanted_files", "wanted_bytes", "stored_files", "stored_bytes")
    return model.FileTotals(**dict(zip(names, of, strict=True)))
