"""The demo: a real torrent through all of tseeder, with every byte checked at the end."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from rich.text import Text

from tseeder_cli.bars import ByteBar
from tseeder_cli.client import Client, Source
from tseeder_cli.demo.account import sign_in
from tseeder_cli.demo.past import delete_past_jobs, only_demo, remember
from tseeder_cli.demo.swarm import Sample, seeding
from tseeder_cli.demo.times import Times
from tseeder_cli.demo.witness import KnownSums, NoSource, Witness, witness_of
from tseeder_cli.download import CHUNK_BYTES, download
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.local import LocalStack, running_stack
from tseeder_cli.names import printable, safe_element
from tseeder_cli.screen import command_name, counted, out, say, show_table, shown_path, size
from tseeder_cli.signals import ending
from tseeder_cli.torrent_file import read_torrent
from tseeder_cli.verbs.jobs import read_source, read_torrent_file, watch_to_end
from tseeder_cli.verbs.stack import UpOptions, running
from tseeder_cli.wire import File, Job
from tseeder_cli.wire import Progress as JobProgress

SAMPLE_SECONDS = 300.0  # a sample from this machine that takes longer is stuck
WATCHABLE_SECONDS = 4  # the sample's seeder is slowed down to this, so that there is something to see
SLOWEST_RATE = 16 << 20
SHOWN_DOWNLOAD_BYTES = 64 << 20
SHOWN_WRONG = 5
SHOWN_FILES = 20
SAMPLE = "sample.torrent"
_MAGNET = re.compile(r"(?i)magnet:\?.*\bxt(\.[0-9]+)?=urn:bt[im]h:")
SHOWN_DIGITS = 16  # of a sum that was compared; whole where it is all there is


@dataclass(frozen=True)
class DemoOptions:
    """`torrent` or `magnet`: what to fetch instead of the sample of `mib` MiB."""

    once: bool = False
    torrent: Path | None = None
    magnet: str = ""
    mib: int = 100


@dataclass(frozen=True)
class _Wish:
    """What is fetched, and who knows the right bytes. `is_sample`: it is ours, to be deleted by the next demo."""

    source: Source
    witness: Witness
    is_sample: bool


async def demo(up: UpOptions, options: DemoOptions) -> None:
    """Run the demo. CliError if anything is not as it must be. Then stays until a signal comes, unless `once`."""
    if options.torrent and options.magnet:
        raise CliError("--torrent and --magnet exclude each other", code="usage", exit_code=ExitCode.USAGE)
    given = _given(options)  # before the stack is started for nothing
    times = Times()
    done = False
    async with ending() as wish:
        try:
            async with _stack(up, times) as (local, is_ours):
                await _show(local, options, given, times)
                done = True
                if is_ours and not options.once:
                    _say_stays(local)
                    await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not wish.asked:
                raise
            if not done:
                raise KeyboardInterrupt from None


@asynccontextmanager
async def _stack(up: UpOptions, times: Times) -> AsyncIterator[tuple[LocalStack, bool]]:
    """The stack that runs on the folder already, or one of our own."""
    local = running_stack(up.folder)
    if local is not None:
        say(f"a stack runs already: {local.url}")
        times.mark("ready")
        yield local, False
        return
    say(f"starting the stack in {shown_path(up.folder)}")
    async with running(up) as (stack, started):
        times.mark("ready", f"{len(stack.names)} programs, S3 is {stack.s3.kind}")
        say(f"the stack is ready: {started.url}", style="bold green")
        yield started, True


def _given(options: DemoOptions) -> _Wish | None:
    """What the user brings, if he does. CliError if it is no torrent."""
    if options.magnet:
        if not _MAGNET.match(options.magnet):
            raise CliError(
                f"{options.magnet[:200]!r} is no magnet of a torrent",
                code="bad_source",
                exit_code=ExitCode.USAGE,
                hint="It begins with magnet:? and has xt=urn:btih: or xt=urn:btmh: in it; put it in quotes.",
            )
        return _Wish(read_source(options.magnet), NoSource(), is_sample=False)
    if options.torrent:
        content = read_torrent_file(options.torrent)
        return _Wish(Source(torrent=content), witness_of(read_torrent(content)), is_sample=False)
    return None


async def _show(local: LocalStack, options: DemoOptions, given: _Wish | None, times: Times) -> None:
    with only_demo(local.demo_folder):
        async with AsyncExitStack() as held:
            key, who = await sign_in(local)
            wish = given or await _sample(local, options, held)
            client = await held.enter_async_context(Client(local.url, key))
            say(f"signed in as {who}")
            gone = await delete_past_jobs(client, local.demo_folder)
            if gone:
                say(f"deleted the {'job' if gone == 1 else 'jobs'} of earlier demos: one sample is kept, the last one")
            times.mark("set up", "sample, tracker, seeder, account" if wish.is_sample else "account")
            job = await _submit(client, local, wish, times)
            job = await _watch(client, job, wish, times)
            files = [file async for file in client.all_files(job["job_id"])]
            stored = [file for file in files if file["state"] == "stored"]
            await _download_one(client, local, stored, times)
            sums = await verify(client, stored, wish.witness, times)
    _summary(job, stored, sums, wish.witness, times)


async def _sample(local: LocalStack, options: DemoOptions, held: AsyncExitStack) -> _Wish:
    rate = max((options.mib << 20) // WATCHABLE_SECONDS, SLOWEST_RATE)
    swarm = seeding(local.demo_folder / "sample", local.state / "logs" / "demo-swarm.log", mib=options.mib, rate=rate)
    sample: Sample = await held.enter_async_context(swarm)
    many = counted(len(sample.sums), "file")
    say(f"made a sample of {many}, {size(sample.size_bytes)}; seeded here at {size(rate)}/s")
    content = sample.torrent.read_bytes()
    await asyncio.to_thread((local.demo_folder / SAMPLE).write_bytes, content)  # the swarm's folder is deleted
    return _Wish(Source(torrent=content), KnownSums(sample.sums), is_sample=True)


async def _submit(client: Client, local: LocalStack, wish: _Wish, times: Times) -> Job:
    job, _ = await client.submit(wish.source, key=str(uuid4()))
    if wish.is_sample:
        remember(local.demo_folder, job["job_id"])
    times.mark("submitted", "POST /v1/jobs answered 202")
    say(f"submitted: job {job['job_id']}")
    if job["state"] == "completed":
        say("all of it was stored already: completed at once, without a download")
    return job


async def _watch(client: Client, job: Job, wish: _Wish, times: Times) -> Job:
    """Follow the job to its end, and note when it came to what."""
    was_stored = job["state"] == "completed"

    def seen(now: Job, progress: JobProgress | None) -> None:
        if now["metadata_known"]:
            times.mark("metadata", f"{counted(now['wanted_files'], 'file')}, {size(now['wanted_bytes'])}")
        if now["stored_bytes"] or (progress and progress["uploaded_bytes"]):
            times.mark("first byte stored", "before" if was_stored else "in S3, while the download goes on")

    try:
        async with asyncio.timeout(SAMPLE_SECONDS) if wish.is_sample else nullcontext():
            job = await watch_to_end(client, job, seen=seen)
    except TimeoutError:
        raise CliError(f"the job is not completed after {SAMPLE_SECONDS:g} s", code="too_slow") from None
    times.mark("completed", f"{counted(job['stored_files'], 'file')} stored, {size(job['stored_bytes'])}")
    return job


async def _download_one(client: Client, local: LocalStack, stored: Sequence[File], times: Times) -> None:
    """Download one file to disk, and see that it is what REST streams: by its CRC32, where tseeder knows it."""
    file = worth_showing(stored)
    if file is None:
        return
    target = local.demo_folder / "downloads" / safe_element(file["path"][-1])
    began = time.monotonic()
    with ByteBar("download", file["size_bytes"]) as bar:
        await download(client, file, target, bar.at)
    rate = file["size_bytes"] / max(time.monotonic() - began, 0.001)
    times.mark("downloaded", f"{printable('/'.join(file['path']))}, {size(rate)}/s")
    say(f"downloaded one file: {shown_path(target)}")


def worth_showing(stored: Sequence[File]) -> File | None:
    """The file to download: one with a name that is not ASCII if there is one; large, but not too large."""
    small = [file for file in stored if file["size_bytes"] <= SHOWN_DOWNLOAD_BYTES]
    foreign = [file for file in small if not "/".join(file["path"]).isascii()]
    if foreign or small:
        return max(foreign or small, key=lambda file: file["size_bytes"])
    return min(stored, key=lambda file: file["size_bytes"], default=None)


async def verify(client: Client, stored: Sequence[File], witness: Witness, times: Times) -> dict[str, str]:
    """Read every stored file through REST and compare it with its source; returns the SHA-256 by file id."""
    sums: dict[str, str] = {}
    count = 0
    total = sum(file["size_bytes"] for file in stored)
    with ByteBar("verify", total) as bar:
        for file in sorted(stored, key=lambda file: file["file_index"]):
            digest = hashlib.sha256()
            witness.begin(file)
            async with client.content(file["file_id"]) as response:
                async for block in response.aiter_raw(CHUNK_BYTES):
                    digest.update(block)
                    witness.feed(block)
                    count += len(block)
                    bar.at(count)
            sums[file["file_id"]] = digest.hexdigest()
            witness.end(digest.hexdigest())
    wrong = witness.verdict()
    if wrong:
        shown = "; ".join(wrong[:SHOWN_WRONG])
        raise CliError(f"what is stored is not what the torrent holds: {shown}", code="verification_failed")
    how = f"equal to {witness.knows}" if witness.knows else "no source to compare with"
    times.mark("verified", f"{counted(len(stored), 'file')}, {size(total)}, {how}")
    return sums


def _summary(job: Job, stored: Sequence[File], sums: dict[str, str], witness: Witness, times: Times) -> None:
    out().print()
    sign = Text("equal", style="green") if witness.knows else Text("no source", style="yellow")
    shown = SHOWN_DIGITS if witness.knows else 64
    rows = [
        (size(file["size_bytes"]), sums[file["file_id"]][:shown], sign, "/".join(file["path"]))
        for file in stored[:SHOWN_FILES]
    ]
    show_table(("SIZE", "SHA-256", "SOURCE", "FILE"), rows, right=("SIZE",))
    if len(stored) > len(rows):
        out().print(Text(f"and {counted(len(stored) - len(rows), 'more file')}"))
    out().print()
    show_table(("STEP", "TOOK", "AT", ""), times.rows(), right=("TOOK", "AT"))
    out().print()
    if witness.knows:
        which = f"All {len(stored)} files of" if len(stored) != 1 else "The one file of"
        verb = "are" if len(stored) != 1 else "is"
        text = f"{which} {printable(job['name'])!r} {verb} stored, and equal to {witness.knows}."
        out().print(Text(text, style="bold green"))
    else:
        out().print(Text("All files are stored. A magnet alone holds no hashes of its files: compare them yourself."))


def _say_stays(local: LocalStack) -> None:
    name = command_name()
    sample = local.demo_folder / SAMPLE
    again = [
        (f"{name} add {shown_path(sample)} --watch", "the sample once more: stored already, so done at once")
    ] * sample.is_file()
    said = (
        (f"{name} ls", "the jobs; as the demo's user, until you sign in"),
        (f"{name} add FILE --watch", "your own torrent or magnet"),
        *again,
        (f"{name} admin bootstrap", "an account of your own: the first admin, if there is none"),
        (f"{name} --help", "all commands"),
        ("Ctrl-C", "stops it"),
    )
    width = max(len(command) for command, _ in said)
    say("", f"The stack stays up: {local.url}", style="bold")
    say(*(f"  {command:<{width}}   {what}" for command, what in said))
