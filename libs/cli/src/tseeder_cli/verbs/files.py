"""List and download files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import cast

from rich.text import Text

from tseeder_cli.bars import ByteBar
from tseeder_cli.client import Client
from tseeder_cli.download import Downloaded, download, refuse_overwrite
from tseeder_cli.errors import CliError, ExitCode, Interrupted
from tseeder_cli.names import Places, safe_element
from tseeder_cli.picking import SHOWN_CHARACTERS, pick_file_or_job, pick_job
from tseeder_cli.screen import command_name, counted, file_state, out, say, show_json, show_table, size, state_text
from tseeder_cli.selection import parse_selection
from tseeder_cli.tree import PRIMARY, tree_of
from tseeder_cli.verbs.connect import connect
from tseeder_cli.wire import ENDED, File, Job


async def list_files(url: str, text: str, *, tree: bool = False, as_json: bool) -> None:
    """List a job's files in natural order, or draw them as a tree."""
    async with connect(url) as client:
        job = await pick_job(client, text)
        files = [file async for file in client.all_files(job["job_id"])]
    if as_json:
        show_json(files)
        return
    if not files:
        say("no files are known yet: the metadata has not come" if not job["metadata_known"] else "no files")
        return
    if tree:
        out().print(tree_of(job["name"] or job["job_id"], files))
    else:
        show_table(("INDEX", "STATE", "SIZE", "PATH"), map(_row, files), right=("INDEX", "SIZE"))
    stored = next((file for file in files if file["state"] == "stored"), None)
    if stored is not None:
        short = job["job_id"][:SHOWN_CHARACTERS]
        say(f"download one: {command_name()} get {short}:{stored['file_index']}")


def _row(file: File) -> tuple[str, Text, str, str]:
    path = "/".join(file["path"]) + (PRIMARY if file["primary"] else "")
    return str(file["file_index"]), state_text(file_state(file)), size(file["size_bytes"]), path


async def set_primary(url: str, text: str, *, as_json: bool) -> None:
    """Make a file its job's main one; with a job instead of a file: the largest video, or else audio, again."""
    async with connect(url) as client:
        found = await pick_file_or_job(client, text)
        file_id = cast(File, found)["file_id"] if "file_id" in found else None
        job = await client.set_primary(found["job_id"], file_id)
        main = await client.file(job["primary_file_id"]) if job["primary_file_id"] else None
    if as_json:
        show_json(job)
    elif main is None:
        say(f"{job['name']}: it has no video and no audio, and so no primary file")
    else:
        say(f"{job['name']}: primary file is {'/'.join(main['path'])}")


async def get(url: str, text: str, *, output: str, select: str, force: bool, as_json: bool = False) -> None:
    """Download one file, or a job's. `output` as it was typed: "" for the usual place; a folder if it ends in /."""
    place = Path(output) if output else None
    try:
        async with connect(url) as client:
            found = await pick_file_or_job(client, text)
            if "file_id" in found:
                if select:
                    raise CliError("--select goes with a job, not with a file", code="usage", exit_code=ExitCode.USAGE)
                into = output.endswith(("/", "/."))
                got = [await get_file(client, cast(File, found), place, into=into, force=force)]
            else:
                chosen = parse_selection(select) if select else None
                got = await get_job(client, found, place, chosen, force=force)
    except asyncio.CancelledError:
        raise Interrupted("stopped; say the same again, and it goes on from here") from None
    if as_json:
        show_json([{**asdict(done), "path": str(done.path)} for done in got])


async def get_file(
    client: Client, file: File, output: Path | None, *, into: bool = False, force: bool = False
) -> Downloaded:
    """Download `file` to `output`: its new name, or a folder (any, if `into`) to put it into by its own name."""
    name = safe_element(file["path"][-1] if file["path"] else "")
    target = output or Path(name)
    if into or target.is_dir():
        target /= name
    refuse_overwrite(target, force=force)
    with ByteBar(name, file["size_bytes"]) as bar:
        done = await download(client, file, target, bar.at)
    checked = ", CRC32 checked" if done.checked else ""
    resumed = f", continued at {size(done.resumed_at)}" if done.resumed_at else ""
    say(f"{'/'.join(file['path'])} -> {target}  {size(done.size_bytes)}{checked}{resumed}")
    return done


async def get_job(
    client: Client, job: Job, output: Path | None, chosen: Sequence[int] | None, *, force: bool = False
) -> list[Downloaded]:
    """Download the stored files of `job` into the folder `output`; those that are there already stay.

    Returns what was downloaded.
    """
    folder = output or Path(safe_element(job["name"] or job["job_id"]))
    if folder.exists() and not folder.is_dir():
        raise CliError(f"{folder} is a file, not a folder", code="file_exists", exit_code=ExitCode.USAGE)
    everything = [file async for file in client.all_files(job["job_id"])]
    wanted = _chosen(job, everything, chosen)
    places = Places(folder)
    placed = [(file, places.place(file["path"])) for file in everything]  # of all: so that numbers stay the same
    stored = [(file, target) for file, target in placed if file["file_index"] in wanted and file["state"] == "stored"]
    if not stored:
        raise _nothing_stored(job, chosen)
    todo = [(file, target) for file, target in stored if force or not _is_there(file, target)]
    got = await _get_all(client, folder.name, todo)
    text = f"{folder}: {counted(len(todo), 'file')}, {size(sum(file['size_bytes'] for file, _ in todo))}"
    there, missing = len(stored) - len(todo), len(wanted) - len(stored)
    text += f"; {there} {'was' if there == 1 else 'were'} there already" if there else ""
    say(text + (f"; {missing} {'is' if missing == 1 else 'are'} not stored" if missing else ""))
    return got


def _chosen(job: Job, everything: Sequence[File], chosen: Sequence[int] | None) -> set[int]:
    """The indexes of what is wanted: `chosen`, else all that the job wants or has. CliError for one that is no file."""
    known = {file["file_index"] for file in everything}
    if chosen is None:
        return {file["file_index"] for file in everything if file["selected"] or file["state"] == "stored"}
    unknown = [index for index in chosen if index not in known]
    if unknown and known:
        which = ", ".join(str(index) for index in unknown[:5])
        raise CliError(
            f"the torrent has no file {which}",
            code="file_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint=f"Its files and their indexes tells: tseeder files {job['job_id'][:SHOWN_CHARACTERS]}",
        )
    return set(chosen)


def _nothing_stored(job: Job, chosen: Sequence[int] | None) -> CliError:
    """Why there is nothing to get, and what would help."""
    short = job["job_id"][:SHOWN_CHARACTERS]
    if job["state"] == "completed":
        hint = f"What there is tells: tseeder files {short}"
    elif job["state"] in ENDED:
        hint = f"To try it again: tseeder retry {short}"
    elif job["state"] == "paused":
        hint = f"Let it go on: tseeder resume {short}"
    else:
        hint = f"Watch it: tseeder watch {short}"
    what = "no file of it is" if chosen is None else "of these files none is"
    text = f"the job is {job['state']}, and {what} stored" + (" yet" if job["state"] not in ENDED else "")
    return CliError(text, code="nothing_stored", hint=hint)


def _is_there(file: File, target: Path) -> bool:
    """Whether an earlier run has put this file in place. (Its bytes were checked then; a part has another name.)"""
    return target.is_file() and target.stat().st_size == file["size_bytes"]


async def _get_all(client: Client, label: str, todo: Sequence[tuple[File, Path]]) -> list[Downloaded]:
    done = 0
    got: list[Downloaded] = []
    with ByteBar(label[:40], sum(file["size_bytes"] for file, _ in todo)) as bar:
        for file, target in todo:
            if target.is_dir():
                raise CliError(f"{target} is a folder", code="file_exists")
            got.append(await download(client, file, target, partial(_add, bar, done)))
            done += file["size_bytes"]
    return got


def _add(bar: ByteBar, before: int, count: int) -> None:
    bar.at(before + count)
