"""List and download files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

from tseeder_cli.bars import ByteBar
from tseeder_cli.client import Client
from tseeder_cli.download import Downloaded, download, refuse_overwrite
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.names import Places, safe_element
from tseeder_cli.picking import SHOWN_CHARACTERS, pick_file_or_job, pick_job
from tseeder_cli.screen import say, show_json, show_table, size, state_text
from tseeder_cli.selection import parse_selection
from tseeder_cli.verbs.connect import connect
from tseeder_cli.wire import File, Job


async def list_files(url: str, text: str, *, as_json: bool) -> None:
    """List a job's files."""
    async with connect(url) as client:
        job = await pick_job(client, text)
        files = [file async for file in client.all_files(job["job_id"])]
    if as_json:
        show_json(files)
        return
    if not files:
        say("no files are known yet: the metadata has not come" if not job["metadata_known"] else "no files")
        return
    rows = [
        (
            str(file["file_index"]),
            state_text(file["state"] if file["selected"] or file["state"] == "stored" else "not selected"),
            size(file["size_bytes"]),
            "/".join(file["path"]),
        )
        for file in files
    ]
    show_table(("INDEX", "STATE", "SIZE", "PATH"), rows, right=("INDEX", "SIZE"))
    say(f"download one: tseeder get {job['job_id'][:SHOWN_CHARACTERS]}:{files[0]['file_index']}")


async def get(url: str, text: str, *, output: Path | None, select: str, force: bool) -> None:
    """Download one file, or a job's."""
    async with connect(url) as client:
        found = await pick_file_or_job(client, text)
        if "file_id" in found:
            if select:
                raise CliError("--select goes with a job, not with a file", code="usage", exit_code=ExitCode.USAGE)
            await get_file(client, cast(File, found), output, force=force)
        else:
            chosen = parse_selection(select) if select else None
            await get_job(client, found, output, chosen, force=force)


async def get_file(client: Client, file: File, output: Path | None, *, force: bool = False) -> Downloaded:
    """Download `file` to `output`: its new name, or a folder to put it into by its own name."""
    name = safe_element(file["path"][-1] if file["path"] else "")
    target = output or Path(name)
    if target.is_dir() or (output is not None and str(output).endswith("/")):
        target /= name
    refuse_overwrite(target, force=force)
    with ByteBar(name, file["size_bytes"]) as bar:
        done = await download(client, file, target, bar.at)
    checked = ", CRC32 checked" if done.checked else ""
    resumed = f", continued at {size(done.resumed_at)}" if done.resumed_at else ""
    say(f"{target}  {size(done.size_bytes)}{checked}{resumed}")
    return done


async def get_job(
    client: Client, job: Job, output: Path | None, chosen: Sequence[int] | None, *, force: bool = False
) -> None:
    """Download the stored files of `job` into the folder `output`; those that are there already stay."""
    folder = output or Path(safe_element(job["name"] or job["job_id"]))
    if folder.exists() and not folder.is_dir():
        raise CliError(f"{folder} is a file, not a folder", code="file_exists", exit_code=ExitCode.USAGE)
    everything = [file async for file in client.all_files(job["job_id"])]
    places = Places(folder)
    placed = [(file, places.place(file["path"])) for file in everything]  # of all: so that numbers stay the same
    wanted = [(file, target) for file, target in placed if chosen is None or file["file_index"] in chosen]
    stored = [(file, target) for file, target in wanted if file["state"] == "stored"]
    if not stored:
        raise CliError("none of these files is stored yet", code="nothing_stored", hint="Watch it: tseeder watch JOB")
    todo = [(file, target) for file, target in stored if force or not _is_there(file, target)]
    await _get_all(client, folder.name, todo)
    left = len(stored) - len(todo)
    say(
        f"{folder}: {len(todo)} files, {size(sum(file['size_bytes'] for file, _ in todo))}"
        + _also(left, wanted, stored)
    )


def _also(there: int, wanted: Sequence[object], stored: Sequence[object]) -> str:
    text = f"; {there} were there already" if there else ""
    missing = len(wanted) - len(stored)
    return text + (f"; {missing} are not stored" if missing else "")


def _is_there(file: File, target: Path) -> bool:
    """Whether an earlier run has put this file in place. (Its bytes were checked then; a part has another name.)"""
    return target.is_file() and target.stat().st_size == file["size_bytes"]


async def _get_all(client: Client, label: str, todo: Sequence[tuple[File, Path]]) -> None:
    done = 0
    with ByteBar(label[:40], sum(file["size_bytes"] for file, _ in todo)) as bar:
        for file, target in todo:
            if target.is_dir():
                raise CliError(f"{target} is a folder", code="file_exists")
            await download(client, file, target, partial(_add, bar, done))
            done += file["size_bytes"]


def _add(bar: ByteBar, before: int, count: int) -> None:
    bar.at(before + count)
