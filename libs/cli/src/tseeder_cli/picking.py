"""Jobs and files as people name them: by id, by the beginning of an id, by a job and a file's index."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tseeder_cli.client import Client
from tseeder_cli.errors import ApiError, CliError, ExitCode
from tseeder_cli.wire import File, Job

SHORTEST_PREFIX = 4
SHOWN_CHARACTERS = 13  # of an id: its 48 bits of milliseconds
_PREFIX = re.compile(r"[0-9a-f-]{4,36}")
_FILE = re.compile(r"(?P<job>[0-9A-Fa-f-]{4,36}):(?P<index>[0-9]{1,9})")
FULL_ID = 36


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """For each id its shortest beginning, of 13 characters or more, that no other of `ids` begins with."""
    ordered = sorted(set(ids))
    shown = {}
    for place, full in enumerate(ordered):
        neighbours = ordered[max(place - 1, 0) : place] + ordered[place + 1 : place + 2]
        shared = max((_shared(full, other) for other in neighbours), default=0)
        shown[full] = full[: max(SHOWN_CHARACTERS, shared + 1)]
    return shown


def _shared(left: str, right: str) -> int:
    length = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        length += 1
    return length


async def pick_job(client: Client, text: str) -> Job:
    """The caller's job whose id is, or alone begins with, `text`."""
    prefix = text.strip().lower()
    if len(prefix) == FULL_ID:
        return await client.job(prefix)
    if not _PREFIX.fullmatch(prefix):
        raise CliError(
            f"{text!r} is not a job's id or the beginning of one",
            code="bad_job_id",
            exit_code=ExitCode.USAGE,
            hint="Four characters are the least; `tseeder ls` shows the ids.",
        )
    found = [job async for job in client.all_jobs() if job["job_id"].startswith(prefix)]
    if not found:
        raise CliError(f"no job's id begins with {prefix}", code="job_not_found", exit_code=ExitCode.NOT_FOUND)
    if len(found) > 1:
        shown = ", ".join(list(short_ids(job["job_id"] for job in found).values())[:5])
        raise CliError(f"{len(found)} jobs begin with {prefix}: {shown}", code="ambiguous_id", exit_code=ExitCode.USAGE)
    return found[0]


async def pick_file_or_job(client: Client, text: str) -> File | Job:
    """`text` may be a file's id, JOB:INDEX, or a job (by its id or the beginning of it)."""
    match = _FILE.fullmatch(text.strip())
    if match:
        job = await pick_job(client, match["job"])
        return await file_of(client, job, int(match["index"]))
    full = text.strip().lower()
    if len(full) != FULL_ID:
        return await pick_job(client, text)
    try:
        return await client.file(full)
    except ApiError as error:
        if error.status != 404:
            raise
    try:
        return await pick_job(client, full)
    except ApiError as error:
        if error.status != 404:
            raise
        raise CliError(
            "you have no file and no job with this id", code="not_found", exit_code=ExitCode.NOT_FOUND
        ) from None


async def file_of(client: Client, job: Job, index: int) -> File:
    """The file of `job` with that index in its torrent."""
    async for file in client.all_files(job["job_id"]):
        if file["file_index"] == index:
            return file
    raise CliError(
        f"the torrent has no file {index}",
        code="file_not_found",
        exit_code=ExitCode.NOT_FOUND,
        hint=f"See: tseeder files {job['job_id'][:SHOWN_CHARACTERS]}",
    )
