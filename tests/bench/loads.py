"""B1, the other loads: many small files, several transfers at once, a swarm most of which is slow.

Each over the same link of 1 Gbit/s, and each in turn with its limit: the bare bytes by plain TCP, or what the peers
have to give where that is less. What is stored is read again and every SHA-256 compared, or nothing counts.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench import processes
from tests.bench.bare import bare_seconds
from tests.bench.boxed_stack import BoxedStack, boxed_stack
from tests.bench.link import ROOM, Link, check_rights, room, shaped_link
from tests.bench.objects import Bucket
from tests.bench.progress import say
from tests.bench.results import GIB, BenchError, Result, Row, paired, result
from tests.bench.torrents import forget, make_many, make_single, renamed
from tests.bench.workplace import workplace
from tseeder_stack.radosgw import missing_binaries
from tseeder_testkit.swarm import seeding
from tseeder_testkit.torrents import MIB, Sample
from tseeder_testkit.tracker import Tracker, tracking

NAME: Final = "loads"
ROUNDS: Final = 3
LONGEST_SECONDS: Final = 470.0
FAST, FAST_RATE = 5, 10 * MIB
SLOW, SLOW_RATE = 15, 200 * 1024
AT_ONCE: Final = 4


@dataclass(frozen=True)
class Sizes:
    """How much: files of one MiB; MiB of each of AT_ONCE transfers; MiB from mostly slow peers."""

    files: int = 1000
    each_mib: int = 256
    slow_mib: int = 512


@dataclass
class Seen:
    """A value a round."""

    seconds: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)


def run(sizes: Sizes | None = None, rounds: int = ROUNDS) -> Result:
    """Run the bench."""
    check_rights()
    if missing := missing_binaries():
        raise BenchError(f"RadosGW is not installed: {', '.join(missing)} (apt install ceph-mon ceph-osd radosgw)")
    wanted = sizes or Sizes()
    total = wanted.files + AT_ONCE * wanted.each_mib + wanted.slow_mib
    with workplace(gib_free=(2 * rounds + 2) * total / 1024 + 4) as folder, room():
        return asyncio.run(_within_time(folder, wanted, rounds))


async def _within_time(folder: Path, sizes: Sizes, rounds: int) -> Result:
    try:
        async with asyncio.timeout(LONGEST_SECONDS) as limit:
            return await _bench(folder, sizes, rounds)
    except TimeoutError:
        if not limit.expired():
            raise
        raise BenchError(f"not done after {LONGEST_SECONDS:.0f} s: is this machine busy?") from None


async def _bench(folder: Path, sizes: Sizes, rounds: int) -> Result:
    say("a link of 1 Gbit/s, a stack with RadosGW")
    async with AsyncExitStack() as opened:
        link = await opened.enter_async_context(shaped_link())
        stack = await opened.enter_async_context(boxed_stack(folder / "state", link))
        tracker = await opened.enter_async_context(tracking(host=ROOM))
        say("making the torrents")
        many = await asyncio.to_thread(make_many, folder / "many", sizes.files)
        each = await asyncio.to_thread(make_single, folder / "each", sizes.each_mib)
        slow = await asyncio.to_thread(make_single, folder / "slow", sizes.slow_mib)
        loads = _Loads(stack, link, tracker, many, each, slow)
        return await loads.all(rounds)


class _Loads:
    """One run of the bench."""

    def __init__(
        self, stack: BoxedStack, link: Link, tracker: Tracker, many: Sample, each: Sample, slow: Sample
    ) -> None:
        self._stack = stack
        self._link = link
        self._tracker = tracker
        self._many, self._each, self._slow = many, each, slow
        self._stored = Bucket(stack.stack.s3, stack.stack.s3.bucket)
        self._serial = itertools.count(1)
        self._seen = {"many": Seen(), "at_once": Seen(), "slow": Seen()}

    async def all(self, rounds: int) -> Result:
        line = self._slow.path_of(self._slow.files[0])
        per_byte = 0.0
        for number in range(1, rounds + 1):
            label = f"round {number}/{rounds}"
            per_byte = await bare_seconds(self._link, line) / _size(self._slow)
            await self._load("many", label, [self._many], per_byte * _size(self._many))
            await self._load("at_once", label, [self._each] * AT_ONCE, per_byte * AT_ONCE * _size(self._each))
            peers = [FAST_RATE] * FAST + [SLOW_RATE] * SLOW
            await self._load("slow", label, [self._slow], _size(self._slow) / sum(peers), peers)
        return self._result()

    async def _load(
        self, name: str, label: str, samples: Sequence[Sample], limit: float, rates: Sequence[int] = (0,)
    ) -> None:
        """All of them from submit to completed; `rates` are the peers of each torrent, bytes a second, 0: no limit."""
        before = await self._stored.keys()
        async with AsyncExitStack() as seeded:
            fresh = [await seeded.enter_async_context(self._seeded(sample, rates)) for sample in samples]
            await asyncio.to_thread(os.sync)
            agent = self._stack.agent
            processes.forget_peak(agent)
            cpu, began = processes.cpu_seconds(agent), time.monotonic()
            await asyncio.gather(*(self._stack.fetch(sample) for sample in fresh))
            seconds = time.monotonic() - began
            cpu = processes.cpu_seconds(agent) - cpu
            peak = processes.peak_mib(agent)
        await self._check(await self._stored.keys() - before, samples)
        size = sum(map(_size, samples))
        say(f"{label}: {name}: {seconds:.2f} s, limit {limit:.2f} s; CPU {cpu:.2f} s, {peak:.0f} MiB; SHA-256 equal")
        seen = self._seen[name]
        seen.seconds.append(seconds)
        seen.limit.append(limit)
        seen.cpu.append(cpu * GIB / size)
        seen.peak_mib.append(peak)

    async def _check(self, keys: set[str], samples: Sequence[Sample]) -> None:
        wanted = Counter(file.sha256 for sample in samples for file in sample.files)
        found = Counter((await self._stored.sums(keys)).values())
        if found != wanted:
            raise BenchError(f"{(wanted - found).total()} objects are not there, {(found - wanted).total()} are others")

    @asynccontextmanager
    async def _seeded(self, of: Sample, rates: Sequence[int]) -> AsyncIterator[Sample]:
        """A torrent that nobody knows yet, with its seeders."""
        sample = renamed(of, f"loads-{next(self._serial)}", self._tracker.url)
        try:
            async with AsyncExitStack() as peers:
                for rate in rates:
                    one = seeding(sample.torrent, sample.root, trackers=[self._tracker.url], host=ROOM, rate=rate)
                    await peers.enter_async_context(one)
                await self._tracker.wait_for_peers(sample.wire_hash, len(rates))
                yield sample
        finally:
            forget(sample)

    def _result(self) -> Result:
        names = {
            "many": f"{len(self._many.files)} files of 1 MiB",
            "at_once": f"{AT_ONCE} transfers of {_size(self._each) // MIB} MiB at once",
            "slow": f"{_size(self._slow) // MIB} MiB from {FAST} peers of 10 MiB/s and {SLOW} of 0.2 MiB/s",
        }
        rows = []
        for name, seen in self._seen.items():
            rows += [
                Row.of(f"{names[name]}: limit", "s", seen.limit),
                Row.of(f"{names[name]}: submit to completed", "s", seen.seconds),
                Row.of(f"{names[name]}: CPU of the agent per GiB", "s", seen.cpu),
                Row.of(f"{names[name]}: highest memory of the agent", "MiB", seen.peak_mib),
            ]
        ratios = {name: paired(seen.seconds, seen.limit) for name, seen in self._seen.items()}
        return result(NAME, rows, {**ratios, "agent_mib": max(max(seen.peak_mib) for seen in self._seen.values())})


def _size(sample: Sample) -> int:
    return sum(file.size for file in sample.files)
