"""The jobs of earlier demos, so that they can be deleted: twenty demos must not fill the disk."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tseeder_cli.client import Client
from tseeder_cli.config import write_private
from tseeder_cli.errors import ApiError, CliError

FILE = "jobs.json"


@contextmanager
def only_demo(folder: Path) -> Iterator[None]:
    """Keep a second demo on the same state folder out: it would delete this one's job."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CliError("another demo runs on this stack", code="demo_running") from None
        yield


def remember(folder: Path, job_id: str) -> None:
    """Note a job of the demo's own sample."""
    write_private(folder / FILE, json.dumps([*_known(folder), job_id]) + "\n")


async def delete_past_jobs(client: Client, folder: Path) -> int:
    """Delete the jobs that earlier demos have left; returns how many there were."""
    known = _known(folder)
    deleted = 0
    for job_id in known:
        try:
            await client.delete_job(job_id)
            deleted += 1
        except ApiError as error:
            if error.status != 404:  # of an account or a stack of before, or deleted by hand
                raise
    if known:
        write_private(folder / FILE, "[]\n")
    return deleted


def _known(folder: Path) -> list[str]:
    try:
        said = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(item) for item in said] if isinstance(said, list) else []
