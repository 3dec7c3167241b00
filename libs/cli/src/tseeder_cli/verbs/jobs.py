"""Submit, list, watch, change and delete jobs."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import typer

from tseeder_cli.bars import JobBars
from tseeder_cli.client import Client, Event, Source
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.follow import follow
from tseeder_cli.picking import SHOWN_CHARACTERS, pick_job, short_ids
from tseeder_cli.screen import (
    ago,
    percent,
    say,
    show_json,
    show_json_line,
    show_table,
    size,
    state_text,
)
from tseeder_cli.selection import parse_selection
from tseeder_cli.verbs.connect import connect
from tseeder_cli.wire import JOB_STATES, Job
from tseeder_cli.wire import Progress as JobProgress

Seen = Callable[[Job, JobProgress | None], None]

LARGEST_TORRENT_BYTES = 10_000_000
_INFO_HASH = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[A-Za-z2-7]{32}")


def read_source(text: str) -> Source:
    """What `text` is: a magnet URI, a .torrent on this disk, or an info-hash. CliError if it is none of them."""
    if text.lower().startswith("magnet:"):
        return Source(magnet=text)
    path = Path(text).expanduser()
    if not path.exists() and _INFO_HASH.fullmatch(text):
        return Source(info_hash=text)
    try:
        if path.stat().st_size > LARGEST_TORRENT_BYTES:
            raise CliError(
                f"{text} is larger than a .torrent may be ({size(LARGEST_TORRENT_BYTES)})",
                code="torrent_too_large",
                exit_code=ExitCode.REFUSED,
            )
        content = path.read_bytes()
    except OSError as error:
        raise CliError(
            f"{text[:200]!r} is no magnet, no info-hash, and cannot be read as a .torrent: {error.strerror}",
            code="bad_source",
            exit_code=ExitCode.USAGE,
        ) from error
    if not content:
        raise CliError(f"{text} is empty", code="torrent_empty", exit_code=ExitCode.REFUSED)
    return Source(torrent=content)


async def add(url: str, text: str, *, name: str, select: str, watching: bool, as_json: bool) -> None:
    """Submit, print the job, and stay if `watching`."""
    source = read_source(text)
    selection = parse_selection(select) if select else None
    async with connect(url) as client:
        job, _ = await client.submit(source, name=name, selection=selection)
        if as_json:
            (show_json_line if watching else show_json)(job)
        elif watching:
            say(f"job {job['job_id']}  {job['name']}")
        else:
            sys.stdout.write(f"{job['job_id']}\n")
            say(f"{job['state']}  {job['name']}", f"watch it: tseeder watch {job['job_id'][:SHOWN_CHARACTERS]}")
        if watching:
            await watch_to_end(client, job, as_json=as_json)


async def ls(url: str, *, state: str, text: str, limit: int, as_json: bool) -> None:
    """List the caller's jobs."""
    if state and state not in JOB_STATES:
        raise CliError(
            f"{state!r} is no state of a job",
            code="bad_state",
            exit_code=ExitCode.USAGE,
            hint=f"They are: {', '.join(JOB_STATES)}.",
        )
    jobs: list[Job] = []
    async with connect(url) as client, aclosing(client.all_jobs(state=state, text=text)) as listed:
        async for job in listed:
            jobs.append(job)
            if len(jobs) == limit:
                break
    if as_json:
        show_json(jobs)
    elif not jobs:
        say("no jobs" if not (state or text) else "no such jobs")
    else:
        _show_jobs(jobs)


def _show_jobs(jobs: Sequence[Job]) -> None:
    shown = short_ids(job["job_id"] for job in jobs)
    rows = [
        (
            shown[job["job_id"]],
            state_text(job["state"]),
            percent(job["stored_bytes"], job["wanted_bytes"]) if job["metadata_known"] else "-",
            size(job["wanted_bytes"]) if job["metadata_known"] else "?",
            ago(job["created_at"]),
            job["name"] or "(no name yet)",
        )
        for job in jobs
    ]
    show_table(("JOB", "STATE", "STORED", "SIZE", "ADDED", "NAME"), rows, right=("STORED", "SIZE"))


async def watch(url: str, text: str, *, as_json: bool) -> None:
    """Watch a job to its end. CliError if it ends otherwise than completed."""
    async with connect(url) as client:
        job = await pick_job(client, text)
        await watch_to_end(client, job, as_json=as_json)


async def watch_to_end(client: Client, job: Job, *, as_json: bool = False, seen: Seen = lambda *_: None) -> Job:
    """Show the job's events until it has ended. Returns it completed; CliError for another end.

    `seen` is called at each event with the job as last told, and with its progress if the event tells it.
    """
    last = job
    deleted = False
    with JobBars(silent=as_json) as bars:
        bars.job(job)
        seen(job, None)
        async with aclosing(follow(client, job["job_id"])) as events:
            async for event in events:
                if as_json:
                    show_json_line({"event": event.kind, "data": event.data})
                told, progress = _understood(event)
                if told:
                    last = told
                    bars.job(told)
                if progress:
                    bars.progress(progress)
                seen(last, progress)
                deleted = event.kind == "end" and event.data.get("reason") == "deleted"
    if deleted:
        raise CliError("the job was deleted", code="job_deleted")
    if last["state"] != "completed":
        raise _ended_badly(last)
    return last


def _understood(event: Event) -> tuple[Job | None, JobProgress | None]:
    """The job and the progress in an event, as far as it holds them."""
    data: Any = event.data
    if event.kind == "snapshot":
        return cast(Job, {key: value for key, value in data.items() if key != "progress"}), data.get("progress")
    if event.kind == "job":
        return cast(Job, data), None
    return None, cast(JobProgress, data) if event.kind == "progress" else None


def _ended_badly(job: Job) -> CliError:
    reason = job["reason"]
    text = f"the job is {job['state']}" + (f": {reason['message']}" if reason else "")
    return CliError(text, code=reason["code"] if reason else f"job_{job['state']}")


async def act(url: str, text: str, verb: str) -> None:
    """`verb`: pause, resume, retry or cancel."""
    async with connect(url) as client:
        job = await pick_job(client, text)
        job = await client.act(job["job_id"], verb)
    say(f"{job['job_id'][:SHOWN_CHARACTERS]}  {job['state']}  {job['name']}")


async def rename(url: str, text: str, name: str) -> None:
    """Call a job something else; "": the torrent's own name."""
    async with connect(url) as client:
        job = await pick_job(client, text)
        job = await client.rename(job["job_id"], name)
    say(f"{job['job_id'][:SHOWN_CHARACTERS]}  {job['state']}  {job['name']}")


async def rm(url: str, names: Sequence[str], *, yes: bool) -> None:
    """Delete jobs with their files."""
    async with connect(url) as client:
        jobs = [await pick_job(client, name) for name in names]
        if not yes and sys.stdin.isatty():
            for job in jobs:
                say(f"{job['job_id'][:SHOWN_CHARACTERS]}  {job['state']}  {size(job['stored_bytes'])}  {job['name']}")
            what = "this job with its files" if len(jobs) == 1 else f"these {len(jobs)} jobs with their files"
            if not typer.confirm(f"Delete {what}?", err=True):
                raise CliError("nothing was deleted", code="not_confirmed")
        for job in jobs:
            await client.delete_job(job["job_id"])
            say(f"{job['job_id'][:SHOWN_CHARACTERS]}  deleted")


async def usage(url: str, *, as_json: bool) -> None:
    """Show use and limits."""
    async with connect(url) as client:
        used = await client.usage()
    if as_json:
        show_json(used)
        return
    storage = used["charged_bytes"] + used["reserved_bytes"]
    rows = [
        ("plan", used["plan"], ""),
        ("stored", size(used["charged_bytes"]), ""),
        ("on the way", size(used["reserved_bytes"]), ""),
        ("storage in all", size(storage), _limit(used["storage_limit_bytes"], size)),
        ("jobs not ended", str(used["live_jobs"]), _limit(used["live_jobs_limit"], str)),
        ("running now", str(used["running"]), _limit(used["running_limit"], str)),
    ]
    show_table(("", "USED", "LIMIT"), rows, right=("USED", "LIMIT"))


def _limit(value: int, shown: Any) -> str:
    return str(shown(value)) if value > 0 else "none"
