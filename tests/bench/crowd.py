"""A crowd: 50 transfers at once on one agent. None of them starves, and the agent's event loop stays quick.

Over the link of the ingest bench, from one seeder a torrent. Each transfer is watched by its own event stream, as its
user would; the loop's lag is the agent's own metric, over the time of the run.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from tests.bench.bare import bare_seconds
from tests.bench.boxed_stack import OPS_PORT, BoxedStack, boxed_stack
from tests.bench.link import BOX, ROOM, Link, check_rights, room, shaped_link
from tests.bench.objects import Bucket
from tests.bench.progress import say
from tests.bench.results import BenchError, Result, Row, paired, result
from tests.bench.torrents import forget, make_single, renamed
from tests.bench.workplace import workplace
from tseeder_cli.client import Client, Source
from tseeder_pg import open_pool, transaction
from tseeder_stack.radosgw import missing_binaries
from tseeder_testkit.swarm import seeding
from tseeder_testkit.torrents import MIB, Sample
from tseeder_testkit.tracker import Tracker, tracking

NAME: Final = "crowd"
TRANSFERS: Final = 50
EACH_MIB: Final = 20
ROUNDS: Final = 3
LONGEST_SECONDS: Final = 470.0
LAG: Final = "tseeder_event_loop_lag_seconds_bucket"


@dataclass
class Watch:
    """One transfer, as its user sees it: when bytes last came, and the longest that none did."""

    moved_at: float
    downloaded: int = 0
    quiet: float = 0.0

    def saw(self, downloaded: int) -> None:
        """Its progress now."""
        if downloaded > self.downloaded:
            self.downloaded = downloaded
            self.moved()

    def moved(self) -> None:
        """Something came, or it is done."""
        now = time.monotonic()
        self.quiet = max(self.quiet, now - self.moved_at)
        self.moved_at = now


@dataclass
class Seen:
    """A value a round."""

    seconds: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    quiet: list[float] = field(default_factory=list)
    lag_p99: list[float] = field(default_factory=list)


def run(transfers: int = TRANSFERS, each_mib: int = EACH_MIB, rounds: int = ROUNDS) -> Result:
    """Run the bench."""
    check_rights()
    if missing := missing_binaries():
        raise BenchError(f"RadosGW is not installed: {', '.join(missing)} (apt install ceph-mon ceph-osd radosgw)")
    with workplace(gib_free=(2 * rounds + 1) * transfers * each_mib / 1024 + 4) as folder, room():
        return asyncio.run(_within_time(folder, transfers, each_mib, rounds))


async def _within_time(folder: Path, transfers: int, each_mib: int, rounds: int) -> Result:
    try:
        async with asyncio.timeout(LONGEST_SECONDS) as limit:
            return await _bench(folder, transfers, each_mib, rounds)
    except TimeoutError:
        if not limit.expired():
            raise
        raise BenchError(f"not done after {LONGEST_SECONDS:.0f} s: is this machine busy?") from None


async def _bench(folder: Path, transfers: int, each_mib: int, rounds: int) -> Result:
    say("a link of 1 Gbit/s, a stack with RadosGW")
    async with AsyncExitStack() as opened:
        link = await opened.enter_async_context(shaped_link())
        agent = {"TSEEDER_AGENT_TRANSFERS": str(transfers)}
        stack = await opened.enter_async_context(boxed_stack(folder / "state", link, agent))
        await _allow(stack, transfers)
        tracker = await opened.enter_async_context(tracking(host=ROOM))
        sample = await asyncio.to_thread(make_single, folder / "each", each_mib)
        crowd = _Crowd(stack, link, tracker, sample, transfers)
        return await crowd.all(rounds)


async def _allow(stack: BoxedStack, transfers: int) -> None:
    """Let one user run them all: this is about the agent, not about fairness."""
    url = stack.stack.parts.database_urls["billing"]
    async with open_pool(url, min_size=0, max_size=1, application_name="bench") as pool, transaction(pool) as tx:
        await tx.execute("UPDATE plans SET running_transfers = $1", transfers)


class _Crowd:
    """One run of the bench."""

    def __init__(self, stack: BoxedStack, link: Link, tracker: Tracker, sample: Sample, transfers: int) -> None:
        self._stack = stack
        self._link = link
        self._tracker = tracker
        self._sample = sample
        self._transfers = transfers
        self._stored = Bucket(stack.stack.s3, stack.stack.s3.bucket)
        self._serial = itertools.count(1)
        self._seen = Seen()

    async def all(self, rounds: int) -> Result:
        file = self._sample.path_of(self._sample.files[0])
        for number in range(1, rounds + 1):
            self._seen.limit.append(await bare_seconds(self._link, file) * self._transfers)
            await self._round(f"round {number}/{rounds}")
        seen = self._seen
        size = self._sample.files[0].size // MIB
        rows = [
            Row.of(f"{self._transfers} transfers of {size} MiB: limit", "s", seen.limit),
            Row.of("submit to the first one completed", "s", seen.first),
            Row.of("submit to the last one completed", "s", seen.seconds),
            Row.of("the longest that any one got nothing", "s", seen.quiet),
            Row.of("event loop of the agent is late, 99th percentile (the bucket's upper end)", "ms", seen.lag_p99),
        ]
        ratios = {
            "lag_p99_ms": max(seen.lag_p99),
            "quiet_s": max(seen.quiet),
            "limit": paired(seen.seconds, seen.limit),
        }
        return result(NAME, rows, ratios)

    async def _round(self, label: str) -> None:
        before = await self._stored.keys()
        async with AsyncExitStack() as seeded:
            samples = [await seeded.enter_async_context(self._seeded()) for _ in range(self._transfers)]
            # Before the clock starts: 50 clients, each with its TLS settings, are 1.5 s of this machine's CPUs.
            clients = [await seeded.enter_async_context(self._stack.another_client()) for _ in samples]
            await asyncio.to_thread(os.sync)
            lags = await _lags()
            began = time.monotonic()
            watched = zip(clients, samples, strict=True)
            ends = await asyncio.gather(*(self._watch(client, sample, began) for client, sample in watched))
            lag = p99(lags, await _lags()) * 1000
        sums = await self._stored.sums(await self._stored.keys() - before)
        if list(sums.values()) != [self._sample.files[0].sha256] * self._transfers:
            raise BenchError("what is stored is not what was seeded")
        seconds, quiet = [end - began for end, _ in ends], max(quiet for _, quiet in ends)
        say(f"{label}: {min(seconds):.1f} to {max(seconds):.1f} s, quiet {quiet:.1f} s, lag p99 {lag:.0f} ms")
        self._seen.seconds.append(max(seconds))
        self._seen.first.append(min(seconds))
        self._seen.quiet.append(quiet)
        self._seen.lag_p99.append(lag)

    async def _watch(self, client: Client, sample: Sample, began: float) -> tuple[float, float]:
        """When its job was completed, and the longest that nothing of it came."""
        job, _ = await client.submit(Source(torrent=sample.torrent.read_bytes()))
        return await _watched(client, job["job_id"], Watch(began))

    @asynccontextmanager
    async def _seeded(self) -> AsyncIterator[Sample]:
        sample = renamed(self._sample, f"crowd-{next(self._serial)}", self._tracker.url)
        try:
            async with seeding(sample.torrent, sample.root, trackers=[self._tracker.url], host=ROOM):
                await self._tracker.wait_for_peers(sample.wire_hash, 1)
                yield sample
        finally:
            forget(sample)


async def _watched(client: Client, job_id: str, watch: Watch) -> tuple[float, float]:
    """Until it is completed."""
    async with aclosing(client.events(job_id)) as events:
        async for event in events:
            told = event.data if event.kind == "progress" else event.data.get("progress") or {}
            watch.saw(int(told.get("downloaded_bytes", 0)))
            state = event.data.get("state") if event.kind in ("job", "snapshot") else None
            if event.kind == "snapshot":
                state = (await client.job(job_id))["state"]
            if state == "completed":
                watch.moved()
                return watch.moved_at, watch.quiet
            if state in ("failed", "cancelled"):
                raise BenchError(f"a job ended as {state}")
    raise BenchError("an event stream ended before its job")


async def _lags() -> dict[float, int]:
    """The agent's histogram so far: how many were late by at most so many seconds."""
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"http://{BOX}:{OPS_PORT}/metrics")).text
    lines = (line for line in text.splitlines() if line.startswith(LAG))
    return {_bound(line): int(float(line.rpartition(" ")[2])) for line in lines}


def _bound(line: str) -> float:
    text = line.partition('le="')[2].partition('"')[0]
    return math.inf if text == "+Inf" else float(text)


def p99(before: Mapping[float, int], after: Mapping[float, int]) -> float:
    """The upper end, in seconds, of the bucket that holds the 99th percentile of what came in between."""
    counts: Sequence[tuple[float, int]] = sorted((bound, after[bound] - before.get(bound, 0)) for bound in after)
    total = counts[-1][1]
    if not total:
        raise BenchError("the agent has measured nothing")
    return next(bound for bound, count in counts if count >= 0.99 * total)
