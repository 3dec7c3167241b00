"""Who goes on with a transfer fetches what S3 lacks, and nothing else; sends what S3 lacks, and nothing else. What an
earlier boot staged on the same disk helps, and is believed by its hashes only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.agent.conftest import CALM, Start
from tests.integration.agent.heirs import estate_of, received_bytes, received_since
from tests.integration.agent.proxy import proxy
from tests.integration.agent.test_faults import queued
from tests.integration.agent.test_s3 import as_jobs
from tests.integration.agent.test_transfers import has, made
from tests.integration.agent.working import agent_process, assert_stored, completed, listening
from tests.integration.jobs.running import Service, World, eventually, running
from tests.ports import PORTS
from tseeder_testkit.swarm import swarming
from tseeder_testkit.torrents import KIB, MIB, FileSpec, Sample

# Parts of 5 MiB over pieces of 2 MiB, behind a file that ends within a piece: a piece straddles every boundary.
FILES = (FileSpec("a small one", 100 * KIB), FileSpec("large", 23 * MIB + 5), FileSpec("other", 12 * MIB + 77))
PIECE = 2 * MIB
RATE = 8 * MIB
ANY_FILE = 1 << 40
SLACK = 4 * MIB  # pieces that were not whole yet, and blocks that were not written yet


@pytest.fixture(scope="module")
async def module_jobs(agent_world: World) -> AsyncIterator[Service]:
    """With leases that no agent loses because the machine is busy."""
    async with running(agent_world, rpc_port=PORTS.pick("jobs"), **CALM) as service:
        yield service


async def sent_some(jobs: Service, user: Any, sample: Sample, url: str, past: int) -> Any:
    """A job that is under way, `past` bytes of which are in S3."""
    job = await user.submit(torrent=sample.torrent_bytes(trackers=[url]))
    async with listening(jobs, job) as shown:
        await eventually(lambda: has(any(each.uploaded_bytes >= past for each in shown)))
    return job


@pytest.mark.faults
@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_a_successor_fetches_what_is_missing_and_what_straddles(
    jobs: Service, start: Start, tmp_path: Path, how: str
) -> None:
    sample = await made(tmp_path, FILES, piece_length=PIECE)
    user = jobs.user()
    async with swarming(sample, rate=RATE) as lo:
        async with agent_process(jobs, tmp_path / "first", largest_file=ANY_FILE, agent_id=f"first-{how}") as first:
            job = await sent_some(jobs, user, sample, lo.url, 10 * MIB)
            if how == "killed":
                first.kill()
            else:
                first.terminate()
            await first.wait()
        await eventually(lambda: queued(jobs, job))
        async with as_jobs(jobs.world.s3) as s3:
            estate = await estate_of(jobs, s3, job)
        needed = estate.to_fetch(sample)
        assert estate.held_bytes > 0
        assert 0 < estate.missing_bytes < needed < sample.total_size, "no piece straddles"
        before = received_bytes()
        async with start(scratch_dir=tmp_path / "second") as heir:
            sent = heir.sent_bytes()
            await completed(user, job)
            await assert_stored(user, job, sample)
            assert heir.sent_bytes() - sent == estate.missing_bytes, "a part that S3 held went up again"
            assert await received_since(before, needed) == needed


@pytest.mark.faults
@pytest.mark.parametrize("spoiled", [False, True])
async def test_what_an_earlier_boot_staged_is_not_fetched_again(
    jobs: Service, start: Start, tmp_path: Path, spoiled: bool
) -> None:
    """The agent is killed with whole parts that S3 has not taken, and claims the same transfer when it is back."""
    sample = await made(tmp_path, FILES, piece_length=256 * KIB)
    endpoint = urlsplit(jobs.world.s3.endpoint)
    name, scratch, user = f"again-{spoiled}".lower(), tmp_path / "scratch", jobs.user()
    async with swarming(sample, rate=RATE) as lo, proxy(endpoint.hostname or "", endpoint.port or 0) as line:
        line.hang()
        own = {"agent_id": name, "s3_endpoint": f"http://127.0.0.1:{line.port}"}
        async with agent_process(jobs, scratch, largest_file=ANY_FILE, **own) as first:
            job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
            async with listening(jobs, job) as shown:
                await eventually(lambda: has(any(each.downloaded_bytes > 24 * MIB for each in shown)))
            first.kill()
            await first.wait()
        staged = max(each.downloaded_bytes for each in shown)
        damage = await asyncio.to_thread(_spoil, scratch) if spoiled else 0
        before = received_bytes()
        async with start(agent_id=name, scratch_dir=scratch) as heir:
            sent = heir.sent_bytes()
            await completed(user, job)
            await assert_stored(user, job, sample)
            assert heir.sent_bytes() - sent == sample.total_size
            missing = sample.total_size - staged + damage
            # Progress is told once a second: so much may have come after the last that was shown.
            received = await received_since(before, max(0, missing - SLACK - RATE))
            assert received <= missing + SLACK, f"{received} bytes came again; {staged} were there"
            await eventually(lambda: has(heir.scratch == []))


def _spoil(scratch: Path) -> int:
    """Other bytes in the middle of what was staged; gives how much of it has to come again, at most."""
    (largest,) = sorted(scratch.glob("*/f/*"), key=lambda path: path.stat().st_size)[-1:]
    with largest.open("r+b") as file:
        file.seek(3 * MIB)
        file.write(os.urandom(MIB))
    return MIB + 256 * KIB


async def leftover(jobs: Service, user: Any, sample: Sample, scratch: Path, size: int) -> Path:
    """The folder of an earlier epoch of a transfer that lives, and that nobody will claim: it is paused."""
    job = await user.submit(torrent=sample.torrent_bytes())
    await user.pause(job)
    folder = scratch / f"{await jobs.transfer_of(job)}.1"
    (folder / "f").mkdir(parents=True)
    await asyncio.to_thread((folder / "f" / "0").write_bytes, os.urandom(size))
    return folder


async def test_leftovers_that_nobody_comes_for_go(jobs: Service, start: Start, tmp_path: Path) -> None:
    scratch, user = tmp_path / "scratch", jobs.user()
    folder = await leftover(jobs, user, await made(tmp_path), scratch, 1000)
    async with start(scratch_dir=scratch) as agent:
        await eventually(lambda: has(agent.app.fleet.timing is not None))
        assert agent.scratch == [folder.name]
    async with start(scratch_dir=scratch, leftover_seconds=0.5, claim_seconds=0.1) as agent:
        await eventually(lambda: has(agent.scratch == []))
    await leftover(jobs, user, await made(tmp_path / "other"), scratch, 1000)
    async with start(scratch_dir=scratch, leftover_seconds=0) as agent:
        await eventually(lambda: has(agent.app.fleet.timing is not None))
        assert agent.scratch == []


async def test_leftovers_make_room(jobs: Service, start: Start, tmp_path: Path) -> None:
    """They keep no work away, and go when somebody needs their place."""
    scratch, user = tmp_path / "scratch", jobs.user()
    folder = await leftover(jobs, user, await made(tmp_path), scratch, 3 * MIB)
    sample = await made(tmp_path / "other", (FileSpec("file", 6 * MIB),))
    async with swarming(sample) as lo, start(scratch_dir=scratch, scratch_bytes=8 * MIB) as agent:
        await eventually(lambda: has(agent.app.fleet.timing is not None))
        assert agent.scratch == [folder.name]
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await completed(user, job)
        await eventually(lambda: has(agent.scratch == []))
