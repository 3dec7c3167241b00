"""No transfer takes the disk of another: sizes that become known late, and wishes that grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.agent.conftest import Start
from tests.integration.agent.test_transfers import has, made
from tests.integration.agent.working import assert_stored, completed, reason_code
from tests.integration.jobs.running import Service, eventually
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_testkit.swarm import swarming
from tseeder_testkit.torrents import MIB, FileSpec

SLOW = MIB
DOWNLOADING = model.JOB_STATE_DOWNLOADING


@pytest.mark.faults
async def test_a_magnet_waits_for_the_disk_that_another_transfer_has_reserved(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    first = await made(tmp_path / "one", (FileSpec("first", 6 * MIB),))
    second = await made(tmp_path / "two", (FileSpec("second", 5 * MIB),))
    user = jobs.user()
    async with swarming(first, rate=SLOW) as one, swarming(second) as two, start(scratch_bytes=10 * MIB) as agent:
        early = await user.submit(torrent=first.torrent_bytes(trackers=[one.url]))
        await user.reaches(early, DOWNLOADING)
        late = await user.submit(magnet=second.magnet(trackers=[two.url]))
        await reason_code(user, late, "agent_disk_too_small")
        assert sum(run.disk_reserved for run in agent.app.fleet.runs.values()) <= 10 * MIB
        await completed(user, early)
        await completed(user, late)  # once the disk is free
        await assert_stored(user, early, first)
        await assert_stored(user, late, second)


@pytest.mark.faults
async def test_a_wish_that_grew_keeps_more_of_the_disk(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path, (FileSpec("a", 4 * MIB), FileSpec("b", 4 * MIB)))
    user = jobs.user()
    async with swarming(sample, rate=SLOW) as lo, start(scratch_bytes=10 * MIB) as agent:
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]), selection=[0])
        await user.reaches(job, DOWNLOADING)
        await eventually(lambda: has(bool(agent.app.fleet.runs)))  # jobs knows of a claim before its agent does
        (run,) = agent.app.fleet.runs.values()
        await eventually(lambda: has(run.torrent is not None))
        assert run.disk_reserved < 5 * MIB
        await user.select(job, None)
        await eventually(lambda: has(run.disk_reserved == sample.total_size))
        await completed(user, job)
        await assert_stored(user, job, sample)


@pytest.mark.faults
async def test_a_wish_that_outgrew_the_disk_goes_back_with_what_is_whole(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample = await made(tmp_path, (FileSpec("a", 4 * MIB), FileSpec("b", 6 * MIB)))
    other = await made(tmp_path / "other", (FileSpec("other", 4 * MIB),))
    user = jobs.user()
    async with swarming(sample, rate=SLOW) as lo, swarming(other, rate=SLOW // 4) as at:
        async with start(scratch_bytes=12 * MIB) as small:
            rival = await user.submit(torrent=other.torrent_bytes(trackers=[at.url]))
            await user.reaches(rival, DOWNLOADING)
            job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]), selection=[0])
            await user.reaches(job, DOWNLOADING)
            await eventually(lambda: has(len(small.app.fleet.runs) == 2))
            await eventually(lambda: has(all(run.torrent is not None for run in small.app.fleet.runs.values())))
            await user.select(job, None)
            await reason_code(user, job, "agent_disk_too_small")
            assert sum(run.disk_reserved for run in small.app.fleet.runs.values()) <= 12 * MIB
            await user.cancel(rival)
            await completed(user, job)
            await assert_stored(user, job, sample)
