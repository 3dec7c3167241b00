"""B2: the first bytes of a file that is not stored, from a swarm that is 40 ms away at the end of 100 Mbit/s.

Each round, with torrents that nobody knows yet: reads at the beginning, in the middle and at the end, right after the
submit; reads here and there while the transfer fills the line; and the same where it does not: another agent has taken
over a transfer that waits for its last piece, and has to fetch each range for its reader alone. The limit of all is
four round trips and one piece at the line's rate. Then a stored file, through the gateway and from S3 itself. What is
read is compared with the file, or nothing counts.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import httpx

from tests.bench.boxed_stack import SCOPES, api_key_of
from tests.bench.link import (
    BOX,
    FAR_BITS_PER_SECOND,
    NETWORK,
    ROOM,
    Link,
    check_rights,
    far_link,
    line_seconds,
    room,
    shaped_link,
)
from tests.bench.objects import Bucket
from tests.bench.progress import say
from tests.bench.results import BenchError, Result, Row, paired, result, rounded
from tests.bench.torrents import PIECE_LENGTH, forget, make_single, renamed
from tests.bench.workplace import workplace
from tests.e2e.waiting import wait_for
from tseeder_cli.client import Client, Source
from tseeder_cli.wire import File, Job
from tseeder_stack.options import StackOptions
from tseeder_stack.stack import Stack
from tseeder_testkit.swarm import seeding
from tseeder_testkit.torrents import MIB, Sample
from tseeder_testkit.tracker import Tracker, tracking

NAME: Final = "firstbyte"
ROUNDS: Final = 3
LONGEST_SECONDS: Final = 570.0
SEEDERS: Final = 6
COLD: Final = (0.0, 0.5, 1.0)
SEEKS: Final = (0.55, 0.97, 0.7, 0.85, 0.4)
READ: Final = 64 * 1024
PATIENCE_SECONDS: Final = 60.0
# The swarm is beyond the line, everything else on this side of it.
AGENT: Final = {
    "TSEEDER_AGENT_SWARM_HOSTS": f'["{ROOM}"]',
    "TSEEDER_AGENT_ADMIT_LOOPBACK": "false",
    "TSEEDER_AGENT_ADMITTED_NETWORKS": f'["{NETWORK}"]',
    "TSEEDER_AGENT_DHT": "false",
    "TSEEDER_AGENT_UTP": "false",
}


@dataclass
class Seen:
    """Seconds; of a round its limit, and the median of its reads of each kind."""

    limit: list[float] = field(default_factory=list)
    cold: dict[float, list[float]] = field(default_factory=lambda: {place: [] for place in COLD})
    busy: list[list[float]] = field(default_factory=list)
    quiet: list[list[float]] = field(default_factory=list)
    gateway: dict[str, list[float]] = field(default_factory=dict)  # by where the reader is
    storage: dict[str, list[float]] = field(default_factory=dict)


def run(mib: int = 256, rounds: int = ROUNDS) -> Result:
    """Run the bench."""
    check_rights()
    if shutil.which("curl") is None:
        raise BenchError("curl is not installed (apt install curl)")
    with workplace(gib_free=(8 * rounds + 4) * mib / 1024 + 2) as folder, room():
        return asyncio.run(_within_time(folder, mib, rounds))


async def _within_time(folder: Path, mib: int, rounds: int) -> Result:
    try:
        async with asyncio.timeout(LONGEST_SECONDS) as limit:
            return await _bench(folder, mib, rounds)
    except TimeoutError:
        if not limit.expired():
            raise
        raise BenchError(f"not done after {LONGEST_SECONDS:.0f} s: is this machine busy?") from None


async def _bench(folder: Path, mib: int, rounds: int) -> Result:
    say("a swarm at the end of 100 Mbit/s, 40 ms there and back; two agents")
    async with AsyncExitStack() as opened:
        line = await opened.enter_async_context(AsyncExitStack())
        link = await line.enter_async_context(far_link())
        options = StackOptions(state=folder / "state", agents=2, s3="rclone", env={"agent": AGENT})
        stack = await opened.enter_async_context(Stack(options))
        door = await opened.enter_async_context(Client(stack.gateway_url))
        key = await api_key_of(stack, door, (*SCOPES, "admin:read", "admin:write"))
        client = await opened.enter_async_context(Client(stack.gateway_url, key))
        headers = {"Authorization": f"Bearer {key}"}
        http = httpx.AsyncClient(base_url=stack.gateway_url, headers=headers, timeout=PATIENCE_SECONDS)
        await opened.enter_async_context(http)
        tracker = await opened.enter_async_context(tracking(host=ROOM))
        say("making the torrents")
        whole = await asyncio.to_thread(make_single, folder / "whole", mib)
        lacking = await asyncio.to_thread(without_last_piece, whole, folder / "lacking")
        bench = _FirstByte(stack, client, http, link, tracker, whole, lacking)
        await bench.first_bytes(rounds)
        async with bench.stored() as (ours, theirs):
            await line.aclose()
            async with shaped_link() as near:
                await bench.read_stored(near, ours, theirs, 2 * rounds)
        return figures_of(bench.seen, mib)


def without_last_piece(sample: Sample, folder: Path) -> Sample:
    """The same torrent with data whose last piece is wrong, so that a seeder that looks does not offer it. Blocking."""
    folder.mkdir()
    source = sample.path_of(sample.files[0])
    copy = folder / source.name
    shutil.copyfile(source, copy)
    with copy.open("r+b") as data:
        data.seek(-PIECE_LENGTH, os.SEEK_END)
        data.write(bytes(PIECE_LENGTH))
    return replace(sample, root=folder, torrent=folder / sample.torrent.name)


class _FirstByte:
    """One run of the bench."""

    def __init__(
        self,
        stack: Stack,
        client: Client,
        http: httpx.AsyncClient,
        link: Link,
        tracker: Tracker,
        whole: Sample,
        lacking: Sample,
    ) -> None:
        self._stack, self._client, self._http, self._link, self._tracker = stack, client, http, link, tracker
        self._whole, self._lacking = whole, lacking
        self._data = whole.path_of(whole.files[0])
        self._size = whole.files[0].size
        self._serial = itertools.count(1)
        self.seen = Seen()

    async def first_bytes(self, rounds: int) -> None:
        """Everything beyond the slow line; a first read does not count."""
        await self._cold(0.0)
        self.seen = Seen()
        for number in range(1, rounds + 1):
            for place in COLD:
                self.seen.cold[place].append(await self._cold(place))
            self.seen.busy.append(await self._busy())
            self.seen.quiet.append(await self._quiet())
            self._say(f"round {number}/{rounds}")

    def _say(self, label: str) -> None:
        seen = self.seen
        cold = " / ".join(f"{times[-1]:.2f}" for times in seen.cold.values())
        busy, quiet = (" ".join(f"{each:.2f}" for each in times[-1]) for times in (seen.busy, seen.quiet))
        say(f"{label}: limit {seen.limit[-1]:.2f} s; cold {cold} s; seeks beside the download {busy}; alone {quiet}")

    async def _cold(self, place: float) -> float:
        """A read right after the submit."""
        async with self._seeded(self._whole) as sample, self._submitted(sample) as (_, file):
            return await self._first_bytes(file, place)

    async def _busy(self) -> list[float]:
        """Reads where the download has not come to yet."""
        async with self._seeded(self._whole) as sample, self._submitted(sample) as (job, file):
            await self._first_bytes(file, 0.0)
            await self._until(job, downloaded=self._size // 8)
            seconds = [await self._first_bytes(file, place) for place in SEEKS]
            if (await self._client.job(job["job_id"]))["state"] != "downloading":
                raise BenchError("the download was over before the last seek")
            return seconds

    async def _quiet(self) -> list[float]:
        """Reads at an agent that has nothing of the file, and nothing to fetch but what is read."""
        async with self._seeded(self._lacking, partial=True) as sample, self._submitted(sample) as (job, file):
            await self._until(job, uploaded=self._size - 2 * 8 * MIB)
            first = await self._holder("")
            await self._drain(first, drain=True)
            try:
                await self._holder(first)
                await self._until(job, downloaded=0)
                return [await self._first_bytes(file, place) for place in SEEKS]
            finally:
                await self._drain(first, drain=False)

    async def _drain(self, agent: str, *, drain: bool) -> None:
        await self._client.set_drain(agent, drain=drain, reason="bench of first bytes", ticket_id="B2")

    async def _holder(self, but: str) -> str:
        """The agent that runs a transfer; another one than `but`."""

        async def holds() -> str:
            agents = (await self._client.agents())["items"]
            found = [each["agent_id"] for each in agents if each["leases"] and each["agent_id"] != but]
            return found[0] if found else ""

        return await wait_for(holds, "an agent has the transfer")

    async def _until(self, job: Job, *, downloaded: int = 0, uploaded: int = 0) -> None:
        """Until so many bytes are here, or in S3, as the agent tells."""
        async for event in self._client.events(job["job_id"]):
            told = event.data.get("progress") if event.kind == "snapshot" else event.data
            if event.kind not in ("snapshot", "progress") or told is None:
                continue
            if told["downloaded_bytes"] >= downloaded and told["uploaded_bytes"] >= uploaded:
                return
        raise BenchError("the transfer ended before it came so far")

    async def _first_bytes(self, file: File, place: float) -> float:
        """From the request to the first READ bytes at that place of the file, which are compared."""
        at = min(int(place * self._size) // READ * READ, self._size - READ)
        headers = {"Range": f"bytes={at}-"}
        got, began, first = bytearray(), time.monotonic(), 0.0
        url = f"/v1/files/{file['file_id']}/content"
        async with self._http.stream("GET", url, headers=headers) as answer:
            if answer.status_code != httpx.codes.PARTIAL_CONTENT:
                raise BenchError(f"{answer.status_code} to a read at {at}: {(await answer.aread())[:200]!r}")
            async for chunk in answer.aiter_raw():
                first = first or time.monotonic() - began
                got += chunk
                if len(got) >= READ:
                    break
        with self._data.open("rb") as data:
            data.seek(at)
            if data.read(READ) != got[:READ]:
                raise BenchError(f"other bytes at {at}")
        return first

    @asynccontextmanager
    async def _submitted(self, sample: Sample) -> AsyncIterator[tuple[Job, File]]:
        job, _ = await self._client.submit(Source(torrent=sample.torrent.read_bytes()))
        try:
            (file,) = (await self._client.files(job["job_id"]))["items"]
            yield job, file
        finally:
            await self._client.delete_job(job["job_id"])

    @asynccontextmanager
    async def _seeded(self, of: Sample, *, partial: bool = False) -> AsyncIterator[Sample]:
        """A torrent that nobody knows yet, with its seeders beyond the line."""
        sample = renamed(of, f"first-{next(self._serial)}.bin", self._tracker.url)
        before = self._link.boxed()
        try:
            async with AsyncExitStack() as peers:
                seeders = [
                    await peers.enter_async_context(
                        seeding(
                            sample.torrent,
                            sample.root,
                            trackers=[self._tracker.url],
                            host=BOX,
                            partial=partial,
                            before=before,
                        )
                    )
                    for _ in range(SEEDERS)
                ]
                await self._tracker.wait_for_peers(sample.wire_hash, SEEDERS)
                trip = await round_trip(BOX, seeders[0].port)
                self.seen.limit.append(4 * trip + line_seconds(PIECE_LENGTH, FAR_BITS_PER_SECOND))
                yield sample
        finally:
            forget(sample)

    @asynccontextmanager
    async def stored(self) -> AsyncIterator[tuple[Sequence[str], Sequence[str]]]:
        """A stored file: what makes curl read it through the gateway, and from S3."""
        sample = renamed(self._whole, f"first-{next(self._serial)}.bin", self._tracker.url)
        bucket = Bucket(self._stack.s3, self._stack.s3.bucket)
        before = await bucket.keys()
        async with seeding(sample.torrent, sample.root, trackers=[self._tracker.url], host=ROOM):
            async with self._submitted(sample) as (job, file):
                async for event in self._client.events(job["job_id"]):
                    if event.kind == "end" and event.data["reason"] != "completed":
                        raise BenchError(f"the job ended as {event.data['reason']}")
                (key,) = await bucket.keys() - before
                s3, mine = self._stack.s3, self._http.headers["Authorization"]
                content = f"{self._stack.gateway_url}/v1/files/{file['file_id']}/content"
                sign = ("--aws-sigv4", f"aws:amz:{s3.region}:s3", "--user", f"{s3.jobs.access}:{s3.jobs.secret}")
                yield (content, "-H", f"Authorization: {mine}"), (f"{s3.endpoint}/{s3.bucket}/{key}", *sign)
        forget(sample)

    async def read_stored(self, link: Link, ours: Sequence[str], theirs: Sequence[str], rounds: int) -> None:
        """It, by a client beyond the link, and by one on this machine, where the CPU is the limit."""
        seen = self.seen
        for number in range(1, rounds + 1):
            for where, before in (("1 Gbit/s", link.boxed()), ("loopback", ())):
                storage, gateway = [await self._read_whole(before, words) for words in (theirs, ours)]
                seen.storage.setdefault(where, []).append(storage)
                seen.gateway.setdefault(where, []).append(gateway)
                say(f"stored, {number}, {where}: from S3 {storage:.2f} s, through the gateway {gateway:.2f} s")

    async def _read_whole(self, before: Sequence[str], words: Sequence[str]) -> float:
        argv = (*before, "curl", "-sS", "-f", "-o", "/dev/null", "-w", "%{time_total} %{size_download}", *words)
        process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        if process.returncode != 0 or int(said.split()[1]) != self._size:
            raise BenchError(f"curl did not get the whole file: {said.decode()}")
        return float(said.split()[0])


async def round_trip(host: str, port: int) -> float:
    """Seconds that a TCP connection takes; the best of some."""
    best = float("inf")
    for _ in range(5):
        began = time.monotonic()
        _, writer = await asyncio.open_connection(host, port)
        best = min(best, time.monotonic() - began)
        writer.close()
        await writer.wait_closed()
    return best


def figures_of(seen: Seen, mib: int) -> Result:
    """The rows and ratios of what was seen. The first of a round's limits is that of its cold reads."""
    limit = statistics.median(seen.limit)
    busy = [statistics.median(times) for times in seen.busy]
    quiet = [statistics.median(times) for times in seen.quiet]
    names = {0.0: "beginning", 0.5: "middle", 1.0: "end"}
    cold = [statistics.median(times) for times in zip(*seen.cold.values(), strict=True)]
    rows = [
        Row.of("limit: 4 round trips and a piece of 1 MiB", "s", seen.limit),
        *(Row.of(f"first byte after the submit, {names[place]}", "s", times) for place, times in seen.cold.items()),
        Row.of(f"seek where nothing else is fetched, {len(SEEKS)} places", "s", list(itertools.chain(*seen.quiet))),
        Row.of(f"seek beside the download, {len(SEEKS)} places", "s", list(itertools.chain(*seen.busy))),
    ]
    for where, times in seen.storage.items():
        rows += [
            Row.of(f"stored, {mib} MiB, {where}: from S3 itself", "s", times),
            Row.of(f"stored, {mib} MiB, {where}: through the gateway", "s", seen.gateway[where]),
        ]
    ratios = {
        "first_byte": rounded(statistics.median(cold) / limit),
        "seek": rounded(statistics.median(quiet) / limit),
        "seek_busy": rounded(statistics.median(busy) / limit),
        "stored": paired(seen.gateway["1 Gbit/s"], seen.storage["1 Gbit/s"]),
    }
    return result(NAME, rows, ratios)
