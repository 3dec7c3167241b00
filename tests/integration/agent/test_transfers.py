"""Whole agents on a real jobs service, real peers and a real S3 server. What a job's owner sees of it: tests/e2e."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.integration.agent.conftest import Start
from tests.integration.agent.working import assert_stored, completed, listening
from tests.integration.jobs.running import Service
from tseeder_testkit.swarm import swarming
from tseeder_testkit.torrents import KIB, MIB, FileSpec, Sample, TorrentSpec, Version, make_torrent

FILES = (
    FileSpec("ünï – códé/α.bin", 12 * MIB + 5),
    FileSpec("b.bin", 100),
    FileSpec("empty", 0),
    FileSpec("y/small", 200 * KIB),
    FileSpec("z", 6 * MIB + 77),
)
LARGE = (FileSpec("large", 17 * MIB), FileSpec("other", 6 * MIB))
FIRST_PART = frozenset(range(8))  # pieces of 1 MiB: parts are of 8 MiB
VERSIONS: list[Version] = ["v1", "hybrid", "v2"]


async def made(folder: Path, files: tuple[FileSpec, ...] = FILES, **fields: Any) -> Sample:
    """A torrent that no other test has."""
    return await make_torrent(folder / "made", TorrentSpec(files=files, name=f"t-{uuid.uuid4().hex[:8]}", **fields))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_magnet_becomes_objects(jobs: Service, start: Start, tmp_path: Path, version: Version) -> None:
    sample = await made(tmp_path, version=version)
    async with swarming(sample) as lo, start():
        user = jobs.user()
        job = await user.submit(magnet=sample.magnet(trackers=[lo.url]))
        done = await completed(user, job)
        assert done.name == sample.name
        await assert_stored(user, job, sample)


async def test_progress_is_shown_while_it_runs(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path, LARGE)
    async with swarming(sample, rate=10 * MIB) as lo, start():
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        async with listening(jobs, job) as shown:
            await completed(user, job)
    assert len(shown) > 5
    total = sample.total_size
    assert {each.wanted_bytes for each in shown[1:]} == {total}
    downloaded = [each.downloaded_bytes for each in shown]
    assert downloaded == sorted(downloaded)
    assert all(each.uploaded_bytes <= each.downloaded_bytes <= total for each in shown)
    assert any(0 < each.uploaded_bytes < total for each in shown), "nothing went up before all was there"
    assert max(each.peers for each in shown) == 1
    assert any(each.download_rate > MIB for each in shown)
    assert any(each.HasField("eta_seconds") for each in shown)


async def test_the_first_part_is_fetched_before_the_window(jobs: Service, start: Start, tmp_path: Path) -> None:
    """So that it goes up while the rest of the window comes, whose pieces libtorrent takes in no order. A small file
    before it shares its slot."""
    sample = await made(tmp_path, (FileSpec("a", 100), FileSpec("large", 63 * MIB)), piece_length=MIB)
    seen: list[set[int]] = []
    async with swarming(sample, rate=12 * MIB) as lo, start(window_parts=8) as agent:
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))

        def over() -> bool:
            for ledger in [run.ledger for run in agent.app.fleet.runs.values() if run.ledger is not None]:
                here = {piece for piece in range(sample.piece_count) if ledger.holds(piece)}
                seen.extend([here] if not seen or seen[-1] != here else [])
            return bool(seen) and len(seen[-1]) > 6 * len(FIRST_PART)

        async with asyncio.timeout(60):
            for pause in itertools.repeat(0.005):
                if over():
                    break
                await asyncio.sleep(pause)
        await completed(user, job)
    first = [here - FIRST_PART for here in seen if not here >= FIRST_PART]
    assert max(map(len, first)) <= len(FIRST_PART), "others came first"  # some that were asked for meanwhile
    assert any(max(here, default=0) > len(here) + len(FIRST_PART) for here in seen), "the window stayed shut"


async def has(truth: bool) -> bool:
    return truth
