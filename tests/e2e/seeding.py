"""The peers of a test: a tracker, and seeders that announce to it."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tseeder_cli.client import Source
from tseeder_testkit.swarm import Seeder, seeding
from tseeder_testkit.torrents import KIB, FileSpec, Sample, TorrentSpec, write_torrent
from tseeder_testkit.tracker import Tracker, tracking

SERIAL = itertools.count(secrets.randbelow(1 << 32))


class Swarm:
    """A tracker with the seeders that a test starts; they end with the test."""

    def __init__(self, tracker: Tracker, opened: AsyncExitStack) -> None:
        self.tracker = tracker
        self._opened = opened
        self._hosts = itertools.count(2)

    async def seed(self, sample: Sample, *, rate: int = 0, root: Path | None = None) -> Seeder:
        """Seed `sample`, at most `rate` bytes a second if it is not 0; returns when the tracker knows of it.

        `root`: another folder, with some right files of the sample; the peer offers only those.
        """
        running = seeding(
            sample.torrent,
            root or sample.root,
            trackers=[self.tracker.url],
            rate=rate,
            host=f"127.0.0.{next(self._hosts)}",
            partial=root is not None,
        )
        seeder = await self._opened.enter_async_context(running)
        await self.tracker.wait_for_peer(sample.wire_hash, seeder.host, seeder.port)
        return seeder

    async def without(self, sample: Sample, *paths: str) -> Path:
        """A copy of the sample's data that lacks these files, as a root for `seed`."""
        root = sample.root.with_name(f"part-{next(SERIAL)}")
        await asyncio.to_thread(_copy_without, sample, root, paths)
        return root

    def torrent(self, sample: Sample) -> Source:
        """The sample's .torrent, naming this tracker."""
        return Source(torrent=sample.torrent_bytes(trackers=[self.tracker.url]))

    def magnet(self, sample: Sample) -> Source:
        """The sample's magnet, naming this tracker."""
        return Source(magnet=sample.magnet(trackers=[self.tracker.url]))


def _copy_without(sample: Sample, root: Path, paths: Sequence[str]) -> None:
    for file in sample.files:
        if file.path not in paths:
            place = root / sample.path_of(file).relative_to(sample.root)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sample.path_of(file), place)


@asynccontextmanager
async def swarming() -> AsyncIterator[Swarm]:
    """A swarm that lives as long as the context."""
    async with AsyncExitStack() as opened:
        yield Swarm(await opened.enter_async_context(tracking()), opened)


async def make_sample(folder: Path, files: Sequence[FileSpec], **fields: Any) -> Sample:
    """A torrent whose content no other test has; `fields` as of TorrentSpec."""
    serial = next(SERIAL)
    spec = TorrentSpec(tuple(files), **{"name": f"sample {serial}", "seed": serial, "piece_length": 64 * KIB, **fields})
    return await asyncio.to_thread(write_torrent, folder / f"torrent-{serial}", spec)
