"""Submit, list, watch, change and delete jobs."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

from rich.text import Text

from tseeder_cli.bars import JobBars
from tseeder_cli.client import Client, Event, Source
from tseeder_cli.errors import CliError, ExitCode, Interrupted
from tseeder_cli.follow import follow
from tseeder_cli.glance import MOVING, glance
from tseeder_cli.picking import SHOWN_CHARACTERS, pick_job, short_ids
from tseeder_cli.screen import (
    ago,
    command_name,
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
from tseeder_cli.wire import ENDED, JOB_PRIORITIES, JOB_STATES, Job
from tseeder_cli.wire import Progress as JobProgress

Seen = Callable[[Job, JobProgress | None], None]

LARGEST_TORRENT_BYTES = 10_000_000
SOURCES = "A source is a magnet in quotes, a .torrent file, or an info-hash."
_INFO_HASH = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[A-Za-z2-7]{32}")


def read_source(text: str) -> Source:
    """What `text` is: a magnet URI, a .torrent on this disk, or an info-hash. CliError if it is none of them."""
    if not text.strip():
        raise CliError("the source is empty", code="bad_source", exit_code=ExitCode.USAGE, hint=SOURCES)
    if text.lower().startswith("magnet:"):
        return Source(magnet=text)
    path = Path(text).expanduser()
    if not path.exists() and _INFO_HASH.fullmatch(text):
        return Source(info_hash=text)
    return Source(torrent=read_torrent_file(path, text))


def read_torrent_file(path: Path, text: str = "") -> bytes:
    """The bytes of a .torrent on this disk; `text`: how it was named. CliError if it cannot be one."""
    named = text or str(path)
    if path.is_dir():
        raise CliError(f"{named} is a folder", code="bad_source", exit_code=ExitCode.USAGE, hint=SOURCES)
    try:
        if path.stat().st_size > LARGEST_TORRENT_BYTES:
            raise CliError(
                f"{named} is larger than a .torrent may be ({size(LARGEST_TORRENT_BYTES)})",
                code="torrent_too_large",
                exit_code=ExitCode.REFUSED,
            )
        content = path.read_bytes()
    except OSError as error:
        no = f"{text[:200]!r} is no magnet, no info-hash, and" if text else named
        raise CliError(
            f"{no} cannot be read as a .torrent: {error.strerror}", code="bad_source", exit_code=ExitCode.USAGE
        ) from error
    if not content:
        raise CliError(f"{named} is empty", code="torrent_empty", exit_code=ExitCode.REFUSED)
    return content


async def add(
    url: str, text: str, *, name: str, select: str, watching: bool, as_json: bool, priority: str = ""
) -> None:
    """Submit, print the job, and stay if `watching`."""
    if priority:
        _check_priority(priority)
    source = read_source(text)
    selection = parse_selection(select) if select else None
    async with connect(url) as client:
        job, _ = await client.submit(source, name=name, selection=selection, priority=priority)
        short = job["job_id"][:SHOWN_CHARACTERS]
        if as_json:
            (show_json_line if watching else show_json)(job)
        elif watching:
            say(f"job {job['job_id']}  {job['name']}")
        else:
            sys.stdout.write(f"{job['job_id']}\n")
            sys.stdout.flush()
            say(f"{job['state']}  {job['name']}", f"watch it: {command_name()} watch {short}")
        if not as_json:
            await _tell_twin(client, job)
        if watching:
            await _watch_while_asked(client, job, as_json=as_json)


async def _tell_twin(client: Client, job: Job) -> None:
    """Say if a job of before is likely of the same torrent. (Jobs do not tell which theirs is: it goes by sizes.)"""
    if not job["metadata_known"] or not job["total_bytes"]:
        return
    like = (job["total_bytes"], job["file_count"], job["private"])
    for other in (await client.jobs())["items"]:
        if other["job_id"] != job["job_id"] and (other["total_bytes"], other["file_count"], other["private"]) == like:
            short = other["job_id"][:SHOWN_CHARACTERS]
            say(f"you have this torrent already, it seems: {short}  {other['state']}  {other['name']}", style="yellow")
            return


async def _watch_while_asked(client: Client, job: Job, *, as_json: bool) -> None:
    """Watch to the end; Ctrl-C ends the watching, not the job."""
    try:
        await watch_to_end(client, job, as_json=as_json)
    except asyncio.CancelledError:
        short = job["job_id"][:SHOWN_CHARACTERS]
        raise Interrupted(f"the job goes on; watch it again: {command_name()} watch {short}") from None


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
        progress = await glance(client, jobs)
    if as_json:
        show_json([{**job, "progress": progress.get(job["job_id"])} for job in jobs])
    elif not jobs:
        say("no jobs" if not (state or text) else "no such jobs")
    else:
        _show_jobs(jobs, progress)


def _show_jobs(jobs: Sequence[Job], progress: Mapping[str, JobProgress]) -> None:
    shown = short_ids(job["job_id"] for job in jobs)
    rows = [
        (
            shown[job["job_id"]],
            _state(job),
            *_amounts(job, progress.get(job["job_id"])),
            size(job["wanted_bytes"]) if job["metadata_known"] else "?",
            ago(job["created_at"]),
            job["name"] or "(no name yet)",
        )
        for job in jobs
    ]
    columns = ("JOB", "STATE", "FETCHED", "STORED", "RATE", "SIZE", "ADDED", "NAME")
    show_table(columns, rows, right=("FETCHED", "STORED", "RATE", "SIZE"))


def _state(job: Job) -> Text:
    """With its priority, where that says something: it orders what waits, among the caller's own."""
    told = state_text(job["state"])
    return told if job["priority"] == "normal" or job["state"] in ENDED else told.append(f" ({job['priority']})")


def _amounts(job: Job, now: JobProgress | None) -> tuple[str, str, str]:
    """Fetched, stored, and the rate. What is on its way into the store counts as stored, as the agent tells it."""
    if not job["metadata_known"]:
        return "-", "-", ""
    stored = percent(job["stored_bytes"], job["wanted_bytes"])
    if now is None or not now["wanted_bytes"]:
        return ("?" if job["state"] in MOVING else stored), stored, ""
    fetched, wanted = now["downloaded_bytes"], now["wanted_bytes"]
    rate = f"{size(now['download_rate'])}/s" if fetched < wanted else ""
    return percent(fetched, wanted), percent(now["uploaded_bytes"], wanted), rate


async def watch(url: str, text: str, *, as_json: bool) -> None:
    """Watch a job to its end. CliError if it ends otherwise than completed."""
    async with connect(url) as client:
        job = await pick_job(client, text)
        await _watch_while_asked(client, job, as_json=as_json)


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


async def act(url: str, text: str, verb: str, *, as_json: bool = False) -> None:
    """`verb`: pause, resume, retry or cancel."""
    async with connect(url) as client:
        job = await pick_job(client, text)
        job = await client.act(job["job_id"], verb)
    if verb == "cancel" and job["state"] != "cancelled":  # an ended job is answered as it is
        raise CliError(
            f"the job is {job['state']} already: there is nothing to cancel",
            code="job_ended",
            exit_code=ExitCode.REFUSED,
            hint=f"To delete it with its files: tseeder rm {job['job_id'][:SHOWN_CHARACTERS]}",
        )
    _show_changed(job, as_json=as_json)


async def rename(url: str, text: str, name: str, *, as_json: bool = False) -> None:
    """Call a job something else; "": the torrent's own name."""
    async with connect(url) as client:
        job = await pick_job(client, text)
        job = await client.rename(job["job_id"], name)
    _show_changed(job, as_json=as_json)


async def set_priority(url: str, text: str, priority: str, *, as_json: bool = False) -> None:
    """`priority`: low, normal or high."""
    _check_priority(priority)
    async with connect(url) as client:
        job = await pick_job(client, text)
        job = await client.set_priority(job["job_id"], priority)
    if as_json:
        show_json(job)
    else:
        say(f"{job['job_id'][:SHOWN_CHARACTERS]}  {job['state']}  priority {job['priority']}  {job['name']}")


def _check_priority(text: str) -> None:
    if text not in JOB_PRIORITIES:
        raise CliError(
            f"{text!r} is no priority",
            code="bad_priority",
            exit_code=ExitCode.USAGE,
            hint=f"They are: {', '.join(JOB_PRIORITIES)}.",
        )


def _show_changed(job: Job, *, as_json: bool) -> None:
    if as_json:
        show_json(job)
    else:
        say(f"{job['job_id'][:SHOWN_CHARACTERS]}  {job['state']}  {job['name']}")


async def find(url: str, names: Sequence[str]) -> list[Job]:
    """The jobs of these names, each once."""
    async with connect(url) as client:
        found = [await pick_job(client, name) for name in names]
    return list({job["job_id"]: job for job in found}.values())


def deletion_question(jobs: Sequence[Job]) -> str:
    """Show what would be deleted; returns what to ask."""
    for job in jobs:
        say(f"{job['job_id'][:SHOWN_CHARACTERS]}  {job['state']}  {size(job['stored_bytes'])}  {job['name']}")
    return f"Delete {'this job with its files' if len(jobs) == 1 else f'these {len(jobs)} jobs with their files'}?"


async def delete(url: str, jobs: Sequence[Job], *, as_json: bool = False) -> None:
    """Delete jobs with their files."""
    async with connect(url, again=True) as client:
        for job in jobs:
            await client.delete_job(job["job_id"])
            if not as_json:
                say(f"{job['job_id'][:SHOWN_CHARACTERS]}  deleted")
    if as_json:
        show_json([{"job_id": job["job_id"], "name": job["name"]} for job in jobs])


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
        ("read this month", size(used["bandwidth_bytes"]), _limit(used["bandwidth_limit_bytes"], size)),
    ]
    show_table(("", "USED", "LIMIT"), rows, right=("USED", "LIMIT"))


def _limit(value: int, shown: Any) -> str:
    return str(shown(value)) if value > 0 else "none"
