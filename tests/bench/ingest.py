"""B1: a torrent of one file, from the swarm into object storage, over a link of 1 Gbit/s.

Each round runs, in turn: the bare bytes by TCP; tseeder, from the REST submit until REST says completed; and well-known
tools that download, then upload. What each has stored is read again and its SHA-256 compared, or nothing counts.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import shutil
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench import processes, tools
from tests.bench.bare import bare_seconds
from tests.bench.boxed_stack import BoxedStack, boxed_stack
from tests.bench.link import ROOM, Link, check_rights, line_seconds, room, shaped_link
from tests.bench.objects import PEERS_BUCKET, Bucket
from tests.bench.peers import Peers
from tests.bench.processes import Cost
from tests.bench.progress import say
from tests.bench.results import GIB, BenchError, Result, Row, paired, result
from tests.bench.torrents import forget, make_single, renamed
from tests.bench.workplace import workplace
from tseeder_stack.radosgw import missing_binaries
from tseeder_testkit.swarm import seeding
from tseeder_testkit.torrents import MIB, Sample
from tseeder_testkit.tracker import Tracker, tracking

NAME: Final = "ingest"
SIZES_MIB: Final = (128, 512, 1024)
ROUNDS: Final = 3
LONGEST_SECONDS: Final = 470.0
OTHERS_UNTIL_SECONDS: Final = 320.0  # downloaders but the first are not begun later
WARM_UP_MIB: Final = 16
SIGNS: Final = os.environ.get("BENCH_SIGN_PAYLOAD", "")
AGENT: Final = {"TSEEDER_AGENT_S3_SIGN_PAYLOAD": SIGNS} if SIGNS else {}


@dataclass
class Figures:
    """What was seen, a value a round; costs by the name of the tool."""

    bare: list[float] = field(default_factory=list)
    tseeder: dict[int, list[Cost]] = field(default_factory=dict)  # by MiB
    peak_mib: dict[int, list[float]] = field(default_factory=dict)
    downloads: dict[str, list[Cost]] = field(default_factory=dict)
    uploads: dict[str, list[Cost]] = field(default_factory=dict)


def run(sizes_mib: Sequence[int] = SIZES_MIB, rounds: int = ROUNDS) -> Result:
    """Run the bench; the tools and the limit run with the largest size only."""
    check_rights()
    if missing := missing_binaries():
        raise BenchError(f"RadosGW is not installed: {', '.join(missing)} (apt install ceph-mon ceph-osd radosgw)")
    if shutil.which("aria2c") is None:
        raise BenchError("aria2c is not installed (apt install aria2)")
    sizes = sorted(sizes_mib)
    s5cmd = tools.s5cmd()  # now, because the room has no way out
    with workplace(gib_free=rounds * (sum(sizes) + 5 * sizes[-1]) / 1024 + 4) as folder, room():
        return asyncio.run(_within_time(folder, s5cmd, sizes, rounds))


async def _within_time(folder: Path, s5cmd: str, sizes: Sequence[int], rounds: int) -> Result:
    try:
        async with asyncio.timeout(LONGEST_SECONDS) as limit:
            return await _bench(folder, s5cmd, sizes, rounds)
    except TimeoutError:
        if not limit.expired():
            raise
        raise BenchError(f"not done after {LONGEST_SECONDS:.0f} s: is this machine busy?") from None


async def _bench(folder: Path, s5cmd: str, sizes: Sequence[int], rounds: int) -> Result:
    say("a link of 1 Gbit/s, a stack with RadosGW")
    async with AsyncExitStack() as opened:
        link = await opened.enter_async_context(shaped_link())
        stack = await opened.enter_async_context(boxed_stack(folder / "state", link, AGENT))
        tracker = await opened.enter_async_context(tracking(host=ROOM))
        say("making the torrents")
        samples = {mib: await asyncio.to_thread(make_single, folder / f"{mib}", mib) for mib in {WARM_UP_MIB, *sizes}}
        peers = Peers(link, stack.stack.s3, folder / "peers", s5cmd)
        ingest = _Ingest(stack, link, tracker, samples, peers)
        return await ingest.all(sizes, rounds)


class _Ingest:
    """One run of the bench."""

    def __init__(
        self, stack: BoxedStack, link: Link, tracker: Tracker, samples: dict[int, Sample], peers: Peers
    ) -> None:
        self._stack = stack
        self._link = link
        self._tracker = tracker
        self._samples = samples
        self._peers = peers
        self._stored = Bucket(stack.stack.s3, stack.stack.s3.bucket)
        self._theirs = Bucket(stack.stack.s3, PEERS_BUCKET)
        self._seen = Figures()
        self._serial = itertools.count(1)

    async def all(self, sizes: Sequence[int], rounds: int) -> Result:
        began = time.monotonic()
        await asyncio.to_thread(self._theirs.make)
        await self._tseeder(WARM_UP_MIB, "warm-up")
        self._seen = Figures()
        for number in range(1, rounds + 1):
            label = f"round {number}/{rounds}"
            for mib in sizes[:-1]:
                await self._tseeder(mib, label)
            self._seen.bare.append(await bare_seconds(self._link, self._file(sizes[-1])))
            say(f"{label}: bare bytes, {sizes[-1]} MiB: {self._seen.bare[-1]:.2f} s")
            await self._tseeder(sizes[-1], label)
            first, *others = self._peers.downloads
            await self._tools(first, sizes[-1], label, uploads=self._peers.uploads)
            for name in others:
                if time.monotonic() - began < OTHERS_UNTIL_SECONDS:
                    await self._tools(name, sizes[-1], label)
                else:
                    say(f"{label}: {name} is left out, for want of time")
        return figures_of(self._seen, sizes)

    async def _tseeder(self, mib: int, label: str) -> None:
        before = await self._stored.keys()
        async with self._seeded(mib) as sample:
            agent = self._stack.agent
            processes.forget_peak(agent)
            cpu = processes.cpu_seconds(agent)
            seconds = await self._stack.fetch(sample)
            cost = Cost(seconds, processes.cpu_seconds(agent) - cpu)
            peak = processes.peak_mib(agent)
        new = await self._stored.keys() - before
        if len(new) != 1:
            raise BenchError(f"one new object was expected, there are {len(new)}")
        await self._stored.check(new.pop(), sample.files[0].sha256)
        say(f"{label}: tseeder, {mib} MiB: {seconds:.2f} s; CPU {cost.cpu:.2f} s, {peak:.0f} MiB; SHA-256 equal")
        self._seen.tseeder.setdefault(mib, []).append(cost)
        self._seen.peak_mib.setdefault(mib, []).append(peak)

    async def _tools(self, name: str, mib: int, label: str, *, uploads: Sequence[str] = ()) -> None:
        """One download, then each of `uploads`; the sums of a round's downloads and uploads are the pairs."""
        async with self._seeded(mib) as sample:
            cost = await self._peers.download(name, sample)
        say(f"{label}: {name}, {mib} MiB: {cost.seconds:.2f} s; CPU {cost.cpu:.2f} s")
        self._seen.downloads.setdefault(name, []).append(cost)
        for upload in uploads:
            await asyncio.to_thread(os.sync)
            key = f"{upload}-{sample.name}"
            cost = await self._peers.upload(upload, sample, key)
            await self._theirs.check(key, sample.files[0].sha256)
            say(f"{label}: {upload}, {mib} MiB: {cost.seconds:.2f} s; CPU {cost.cpu:.2f} s; SHA-256 equal")
            self._seen.uploads.setdefault(upload, []).append(cost)
        self._peers.forget(sample)

    @asynccontextmanager
    async def _seeded(self, mib: int) -> AsyncIterator[Sample]:
        """A torrent that nobody knows yet, with its seeder; the disk is at rest when it begins."""
        sample = renamed(self._samples[mib], f"ingest-{mib}-{next(self._serial)}.bin", self._tracker.url)
        try:
            async with seeding(sample.torrent, sample.root, trackers=[self._tracker.url], host=ROOM):
                await self._tracker.wait_for_peers(sample.wire_hash, 1)
                await asyncio.to_thread(os.sync)
                yield sample
        finally:
            forget(sample)

    def _file(self, mib: int) -> Path:
        sample = self._samples[mib]
        return sample.path_of(sample.files[0])


def figures_of(seen: Figures, sizes: Sequence[int]) -> Result:
    """The rows and ratios of what was seen."""
    largest = sizes[-1]
    gib = largest * MIB / GIB
    ours = seen.tseeder[largest]
    rows = [
        Row.of("limit, computed: full frames at line rate", "s", [line_seconds(largest * MIB)]),
        Row.of("limit, measured: bare bytes by TCP", "s", seen.bare),
        *(Row.of(f"tseeder, {mib} MiB", "s", [cost.seconds for cost in seen.tseeder[mib]]) for mib in sizes),
        *(Row.of(name, "s", [cost.seconds for cost in costs]) for name, costs in _single(seen)),
    ]
    pairs = pairs_of(seen)
    rows += [Row.of(name, "s", [cost.seconds for cost in costs]) for name, costs in pairs.items()]
    rows += [Row.of(f"CPU per GiB: {name}", "s", [cost.cpu / gib for cost in costs]) for name, costs in pairs.items()]
    rows += [
        Row.of(f"CPU per GiB: the agent, {mib} MiB", "s", [cost.cpu * 1024 / mib for cost in seen.tseeder[mib]])
        for mib in sizes
    ]
    rows += [Row.of(f"highest memory of the agent, {mib} MiB", "MiB", seen.peak_mib[mib]) for mib in sizes]
    rows += slopes(seen, sizes)
    whole = [costs for costs in pairs.values() if len(costs) == len(ours)]
    best = min(whole, key=lambda costs: statistics.median(cost.seconds for cost in costs))
    return result(
        NAME,
        rows,
        {
            "limit": paired([cost.seconds for cost in ours], seen.bare),
            "best_serial": paired([cost.seconds for cost in ours], [cost.seconds for cost in best]),
            "cpu": paired([cost.cpu for cost in ours], [cost.cpu for cost in best]),
            "agent_mib": max(seen.peak_mib[largest]),
        },
    )


def _single(seen: Figures) -> list[tuple[str, list[Cost]]]:
    return [
        *((f"{name} alone (download)", costs) for name, costs in seen.downloads.items()),
        *((f"{name} alone (upload)", costs) for name, costs in seen.uploads.items()),
    ]


def pairs_of(seen: Figures) -> dict[str, list[Cost]]:
    """Each download with each upload of the same round, added up (a slow downloader may have had fewer rounds)."""
    return {
        f"{down}, then {up}": [Cost(a.seconds + b.seconds, a.cpu + b.cpu) for a, b in zip(first, second, strict=False)]
        for down, first in seen.downloads.items()
        for up, second in seen.uploads.items()
    }


def slopes(seen: Figures, sizes: Sequence[int]) -> list[Row]:
    """How time and CPU grow from the smallest size to the largest: 1 is linear, more is a defect. And what
    a GiB more takes, without what every job takes."""
    small, large = sizes[0], sizes[-1]
    if small == large:
        return []
    time_, cpu = (
        [_exponent(getattr(b, what) / getattr(a, what), large / small) for a, b in _ends(seen, small, large)]
        for what in ("seconds", "cpu")
    )
    between = f"from {small} to {large} MiB"
    further = [(b.seconds - a.seconds) * 1024 / (large - small) for a, b in _ends(seen, small, large)]
    return [
        Row.of(f"each further GiB of tseeder, {between}", "s", further),
        Row.of(f"slope of time, {between}", "", time_),
        Row.of(f"slope of the agent's CPU, {between}", "", cpu),
    ]


def _ends(seen: Figures, small: int, large: int) -> list[tuple[Cost, Cost]]:
    return list(zip(seen.tseeder[small], seen.tseeder[large], strict=True))


def _exponent(growth: float, factor: float) -> float:
    return math.log(growth) / math.log(factor)
