"""A loopback swarm: seeders, each a process of its own, as async context managers."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tseeder_testkit.children import child
from tseeder_testkit.torrents import Sample
from tseeder_testkit.tracker import Tracker, tracking


@dataclass(frozen=True, slots=True)
class Seeder:
    """A running seeder: where it listens, and its process id."""

    host: str
    port: int
    pid: int

    @property
    def address(self) -> str:
        """`host:port`, as x.pe wants it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class LoopbackSwarm:
    """A tracker and its seeders."""

    tracker: Tracker
    seeders: tuple[Seeder, ...]

    @property
    def url(self) -> str:
        """The announce URL."""
        return self.tracker.url

    @property
    def peers(self) -> list[str]:
        """Every seeder as `host:port`."""
        return [seeder.address for seeder in self.seeders]


@asynccontextmanager
async def seeding(
    torrent: Path,
    data: Path,
    *,
    trackers: Sequence[str] = (),
    rate: int = 0,
    host: str = "127.0.0.1",
    partial: bool = False,
    before: Sequence[str] = (),
) -> AsyncIterator[Seeder]:
    """Seed `torrent` from the folder `data`; yields when it listens.

    `rate` limits its upload, in bytes a second. `partial`: offer only what is right on disk, instead of trusting it.
    `before`: the beginning of its command line, to run it elsewhere.
    """
    argv = [*before, sys.executable, "-m", "tseeder_testkit.seed", "--torrent", str(torrent), "--data", str(data)]
    argv += ["--rate", str(rate), "--host", host]
    for tracker in trackers:
        argv += ["--tracker", tracker]
    if partial:
        argv.append("--partial")
    async with child(argv) as (_process, line):
        said = json.loads(line)
        yield Seeder(host=said["host"], port=said["port"], pid=said["pid"])


@asynccontextmanager
async def swarming(sample: Sample, *, seeders: int = 1, rate: int = 0) -> AsyncIterator[LoopbackSwarm]:
    """A tracker with `seeders` peers of `sample`, each on a 127.0.0.x of its own; yields when all have announced."""
    async with AsyncExitStack() as stack:
        tracker = await stack.enter_async_context(tracking())
        running = [
            await stack.enter_async_context(
                seeding(sample.torrent, sample.root, trackers=[tracker.url], rate=rate, host=f"127.0.0.{index + 2}")
            )
            for index in range(seeders)
        ]
        await tracker.wait_for_peers(sample.wire_hash, seeders)
        yield LoopbackSwarm(tracker=tracker, seeders=tuple(running))
