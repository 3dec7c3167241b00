"""Download several files of a job as one archive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tseeder_cli.bars import ByteBar
from tseeder_cli.client import Client
from tseeder_cli.download import Downloaded, Wanted, bring, refuse_overwrite
from tseeder_cli.errors import Interrupted
from tseeder_cli.names import safe_element
from tseeder_cli.picking import pick_job
from tseeder_cli.screen import say, show_json, size
from tseeder_cli.selection import parse_selection
from tseeder_cli.verbs.connect import connect
from tseeder_cli.wire import Job


async def download_archive(
    url: str, text: str, *, output: str, select: str, folder: str, force: bool, as_json: bool = False
) -> None:
    """Download a job's files as a ZIP archive. `output` as it was typed: "" for the job's name; a folder if it ends
    in /."""
    params = archive_params(select, folder)
    try:
        async with connect(url) as client:
            job = await pick_job(client, text)
            done = await get_archive(client, job, output, params, force=force)
    except asyncio.CancelledError:
        raise Interrupted("stopped; say the same again, and it goes on from here") from None
    if as_json:
        show_json({**asdict(done), "path": str(done.path)})


async def get_archive(
    client: Client, job: Job, output: str, params: Mapping[str, str], *, force: bool = False
) -> Downloaded:
    """Download the archive of `job` that `params` name."""
    job_id = job["job_id"]
    name = safe_element(f"{job['name'] or job_id}.zip")
    target = Path(output) if output else Path(name)
    if output.endswith(("/", "/.")) or target.is_dir():
        target /= name
    refuse_overwrite(target, force=force)
    bytes_in_all = await client.archive_bytes(job_id, params)
    key = f"{job_id} {json.dumps(params, sort_keys=True)}"
    wanted = Wanted(key, bytes_in_all, None, partial(client.archive, job_id, params))
    with ByteBar(name[:40], bytes_in_all) as bar:
        done = await bring(wanted, target, bar.at)
    resumed = f", continued at {size(done.resumed_at)}" if done.resumed_at else ""
    say(f"{job['name'] or job_id} -> {target}  {size(done.size_bytes)}{resumed}")
    return done


def archive_params(select: str, folder: str) -> dict[str, str]:
    """Which files, as the API is asked for them. CliError `bad_selection`."""
    params = {"folder": folder.strip("/")} if folder.strip("/") else {}
    if select:
        params["files"] = ",".join(_written(parse_selection(select)))
    return params


def _written(indexes: Sequence[int]) -> list[str]:
    """Sorted indexes as ranges: [0, 1, 2, 7] -> ["0-2", "7"]."""
    ranges: list[tuple[int, int]] = []
    for index in indexes:
        if ranges and index == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], index)
        else:
            ranges.append((index, index))
    return [str(first) if first == last else f"{first}-{last}" for first, last in ranges]
