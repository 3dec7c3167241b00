"""What whole agents do when something is away, wrong, full, or in their way."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.agent.conftest import BRISK, Start
from tests.integration.agent.proxy import proxy
from tests.integration.agent.test_s3 import answering, as_jobs
from tests.integration.agent.test_transfers import has, made
from tests.integration.agent.working import (
    Working,
    agent_process,
    agent_settings,
    assert_stored,
    completed,
    listening,
    reason_code,
    working,
)
from tests.integration.jobs.running import Service, World, eventually, running
from tests.ports import PORTS
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_agent.main import build
from tseeder_agent.usecases.claim_transfers import CLAIM
from tseeder_agent.workers.heartbeat import LEAST_SECONDS
from tseeder_kit.clock import boottime
from tseeder_kit.errors import AppError
from tseeder_kit.telemetry import exposition
from tseeder_testkit.swarm import swarming
from tseeder_testkit.torrents import MIB, FileSpec

TWO_PARTED = (FileSpec("large", 16 * MIB), FileSpec("other", 3 * MIB))
RATE = 6 * MIB


async def test_a_stopping_agent_sends_what_is_whole_and_the_next_goes_on_from_there(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample = await made(tmp_path, TWO_PARTED)
    async with swarming(sample, rate=RATE) as lo:
        user = jobs.user()
        async with start() as first:
            before = first.sent_bytes()
            job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
            async with listening(jobs, job) as shown:
                await eventually(lambda: has(any(each.uploaded_bytes for each in shown)))
        assert first.scratch == []
        assert 0 < first.sent_bytes() - before < sample.total_size
        await reason_code(user, job, "agent_restarting")
        async with start() as second:
            await completed(user, job)
            await assert_stored(user, job, sample)
            assert second.sent_bytes() - before == sample.total_size, "a part went up twice"


@pytest.mark.faults
async def test_an_agent_that_hears_nothing_of_jobs_stops_and_goes_on_when_it_does(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample = await made(tmp_path, TWO_PARTED)
    async with (
        proxy("127.0.0.1", jobs.settings.rpc_port) as line,
        swarming(sample, rate=RATE) as lo,
        start(jobs_target=f"127.0.0.1:{line.port}") as agent,
    ):
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        async with listening(jobs, job) as shown:
            await eventually(lambda: has(any(each.uploaded_bytes for each in shown)))
            line.hang()
            await eventually(lambda: lapsed(agent))
            sent = agent.sent_bytes()
            await eventually(lambda: queued(jobs, job))
            assert agent.sent_bytes() == sent, "it wrote without a lease"
            line.heal()
            await completed(user, job)
            assert {each.epoch for each in shown} == {1}
        await assert_stored(user, job, sample)


async def test_a_write_under_way_ends_with_the_tenure(jobs: Service, start: Start, tmp_path: Path) -> None:
    """It was planned, and jobs has no say in it any more: only the agent itself can stop it."""
    sample = await made(tmp_path, (FileSpec("one", 6 * MIB),))
    endpoint = urlsplit(jobs.world.s3.endpoint)
    async with (
        proxy("127.0.0.1", jobs.settings.rpc_port) as to_jobs,
        proxy(endpoint.hostname or "", endpoint.port or 0) as to_s3,
        swarming(sample) as lo,
        start(jobs_target=f"127.0.0.1:{to_jobs.port}", s3_endpoint=f"http://127.0.0.1:{to_s3.port}") as agent,
    ):
        to_s3.hang()
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await eventually(lambda: has(to_s3.held > 0))
        to_jobs.hang()
        sent = agent.sent_bytes()
        await eventually(lambda: queued(jobs, job))  # anybody may claim it from now on
        to_s3.heal()
        await eventually(lambda: has(to_s3.connections == 0))
        assert agent.sent_bytes() == sent, "it wrote without a lease"
        to_jobs.heal()
        await completed(user, job)
        assert agent.sent_bytes() - sent == sample.total_size
        await assert_stored(user, job, sample)


@pytest.mark.faults
async def test_what_s3_took_while_jobs_was_away_does_not_go_up_again(
    agent_world: World, jobs: Service, tmp_path: Path
) -> None:
    """The lease lapses before jobs can be told of it, and is renewed."""
    sample = await made(tmp_path, (FileSpec("one", 4 * MIB),))
    endpoint = urlsplit(jobs.world.s3.endpoint)
    patient: dict[str, Any] = {"heartbeat_seconds": 2.0, "self_stop_seconds": 12.0, "lease_seconds": 13.0}
    port = PORTS.pick("jobs")
    async with (
        running(agent_world, rpc_port=port, **patient) as service,
        proxy("127.0.0.1", port) as to_jobs,
        proxy(endpoint.hostname or "", endpoint.port or 0) as to_s3,
        swarming(sample) as lo,
        working(
            service,
            tmp_path / "scratch",
            jobs_target=f"127.0.0.1:{to_jobs.port}",
            s3_endpoint=f"http://127.0.0.1:{to_s3.port}",
        ) as agent,
    ):
        to_s3.hang()
        user = jobs.user()
        sent = agent.sent_bytes()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await eventually(lambda: has(to_s3.held > 0))
        to_jobs.hang()
        to_s3.heal()
        await eventually(lambda: has(agent.sent_bytes() - sent == sample.total_size))
        await eventually(lambda: lapsed(agent))
        await eventually(lambda: queued(jobs, job))
        to_jobs.heal()
        await completed(user, job)
        assert agent.sent_bytes() - sent == sample.total_size, "it went up twice"
        await assert_stored(user, job, sample)


@pytest.mark.faults
async def test_a_lease_that_somebody_else_has_by_now_is_given_up(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path, TWO_PARTED)
    async with (
        proxy("127.0.0.1", jobs.settings.rpc_port) as line,
        swarming(sample, rate=RATE) as lo,
        start(jobs_target=f"127.0.0.1:{line.port}") as cut_off,
    ):
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        async with listening(jobs, job) as shown:
            await eventually(lambda: has(any(each.uploaded_bytes for each in shown)))
        line.hang()
        async with start(scratch_dir=tmp_path / "other"):
            await completed(user, job)
            line.heal()
            await eventually(cut_off.is_idle)
        assert cut_off.scratch == []
        await assert_stored(user, job, sample)


async def test_s3_may_go_away_and_come_back(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path, TWO_PARTED)
    endpoint = urlsplit(jobs.world.s3.endpoint)
    async with (
        proxy(endpoint.hostname or "", endpoint.port or 0) as line,
        swarming(sample, rate=RATE) as lo,
        start(s3_endpoint=f"http://127.0.0.1:{line.port}"),
    ):
        user = jobs.user()
        line.refuse()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await reason_code(user, job, "storage_unavailable")
        line.heal()
        done = await completed(user, job)
        assert not done.reason.code
        await assert_stored(user, job, sample)


@pytest.mark.faults
async def test_an_upload_that_s3_forgot_begins_anew(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path, TWO_PARTED)
    async with swarming(sample, rate=RATE) as lo, start(), as_jobs(jobs.world.s3) as s3:
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        async with listening(jobs, job) as shown:
            await eventually(lambda: has(any(each.uploaded_bytes for each in shown)))
        await forget_uploads(s3, jobs.world.s3.bucket)
        await completed(user, job)
        await assert_stored(user, job, sample)


@pytest.mark.faults
async def test_what_s3_forgot_of_a_predecessors_parts_is_fetched_again(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    """When everything else is here, so that nothing that comes brings it along."""
    sample = await made(tmp_path, TWO_PARTED)
    endpoint = urlsplit(jobs.world.s3.endpoint)
    async with (
        proxy(endpoint.hostname or "", endpoint.port or 0) as line,
        swarming(sample, rate=RATE) as lo,
        as_jobs(jobs.world.s3) as s3,
    ):
        user = jobs.user()
        async with start():
            job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
            async with listening(jobs, job) as shown:
                await eventually(lambda: has(any(each.uploaded_bytes for each in shown)))
        line.hang()
        async with start(s3_endpoint=f"http://127.0.0.1:{line.port}") as second:
            runs = second.app.fleet.runs
            await eventually(lambda: has(any(run.ledger and run.ledger.fetched for run in runs.values())))
            (run,) = runs.values()
            assert run.description is not None
            assert any(entry.held for entry in run.description.entries)
            await forget_uploads(s3, jobs.world.s3.bucket)
            line.heal()
            await completed(user, job)
            await assert_stored(user, job, sample)


async def test_an_agent_whose_s3_knows_no_upload_says_so(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path, TWO_PARTED)
    said = "<Error><Code>NoSuchUpload</Code></Error>"
    async with swarming(sample) as lo, answering(404, said) as url, start(s3_endpoint=url, hand_over_seconds=1):
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await reason_code(user, job, "upload_gone")


async def test_without_nats_work_is_found_too(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    async with swarming(sample) as lo, start(nats_url="nats://127.0.0.1:9"):
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await completed(user, job)


async def test_a_magnet_that_nobody_knows_fails_in_the_end(agent_world: World, jobs: Service, tmp_path: Path) -> None:
    port = PORTS.pick("jobs")
    async with (
        running(agent_world, rpc_port=port, metadata_timeout_seconds=0.4, max_attempts=2, **BRISK) as impatient,
        working(impatient, tmp_path / "scratch") as agent,
    ):
        user = jobs.user()
        job = await user.submit(magnet=f"magnet:?xt=urn:btih:{uuid.uuid4().hex}abcdef01")
        done = await user.reaches(job, model.JOB_STATE_FAILED)
        assert done.reason.code == "metadata_timeout"
        assert agent.scratch == []


async def test_a_magnet_that_does_not_fit_is_not_begun(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path, TWO_PARTED)
    async with swarming(sample) as lo, start(scratch_bytes=MIB) as agent:
        user = jobs.user()
        job = await user.submit(magnet=sample.magnet(trackers=[lo.url]))
        # what becomes of it then is for jobs to say: agents of other tests, long gone, may have been larger
        await reason_code(user, job, "agent_disk_too_small", "too_large_for_agents")
        await eventually(agent.is_idle)
        assert agent.scratch == []


@pytest.mark.faults
async def test_a_full_disk_is_told_and_another_agent_goes_on(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path, (FileSpec("fits", 3 * MIB), FileSpec("does not", 12 * MIB)))
    async with swarming(sample, rate=RATE) as lo:
        user = jobs.user()
        async with agent_process(jobs, tmp_path / "small", largest_file=6 * MIB) as process:
            job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
            await reason_code(user, job, "agent_disk_full")
            process.terminate()
            assert await process.wait() == 0
        async with start():
            await completed(user, job)
            await assert_stored(user, job, sample)


async def test_work_that_comes_while_an_agent_stops_goes_back_at_once(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample = await made(tmp_path, TWO_PARTED)
    user = jobs.user()
    async with proxy("127.0.0.1", jobs.settings.rpc_port) as line, AsyncExitStack() as running_agent:
        agent = await running_agent.enter_async_context(start(jobs_target=f"127.0.0.1:{line.port}"))
        await eventually(lambda: has(agent.app.fleet.timing is not None))

        def asks() -> bool:
            return any(task.get_name() == CLAIM for task in asyncio.all_tasks())

        await eventually(lambda: has(not asks()))  # one that is under way may have been heard already
        line.hang()
        await eventually(lambda: has(asks()))
        job = await user.submit(torrent=sample.torrent_bytes())
        stopping = asyncio.create_task(running_agent.aclose())
        await asyncio.sleep(0)
        line.heal()
        await asyncio.wait_for(stopping, 10)
        assert (await user.job(job)).reason.code == "agent_restarting", "the lease is left to run out"


async def test_however_often_the_bell_rings_beats_are_few(jobs: Service, start: Start) -> None:
    async with start() as agent:
        await eventually(lambda: has(agent.app.fleet.timing is not None))
        before, until = beats(), boottime() + 1.0
        while boottime() < until:
            agent.app.fleet.beat_now.set()
            await asyncio.sleep(0)
        assert 1 <= beats() - before <= 1.0 / LEAST_SECONDS + 2


@pytest.mark.parametrize("ticks", range(4))
async def test_a_bell_that_rings_as_it_stops_does_not_keep_a_heartbeat_going(start: Start, ticks: int) -> None:
    async with start() as agent:
        await eventually(lambda: has(agent.app.fleet.timing is not None))
        (beating,) = [each for each in asyncio.all_tasks() if each.get_name() == "heartbeat"]
        await eventually(lambda: has(not agent.app.fleet.beat_now.is_set()))
        agent.app.fleet.beat_now.set()
        for _ in range(ticks):
            await asyncio.sleep(0)
        beating.cancel()
        await asyncio.wait([beating], timeout=10)
        assert beating.cancelled()


def beats() -> float:
    """How many heartbeats were answered in this process."""
    counted = 'tseeder_rpc_server_seconds_count{method="/tseeder.jobs.v1.Agents/Heartbeat"'
    return sum(float(line.split()[-1]) for line in exposition().decode().splitlines() if line.startswith(counted))


async def test_one_scratch_folder_has_one_agent(jobs: Service, start: Start, tmp_path: Path) -> None:
    async with start() as agent:
        with pytest.raises(AppError) as caught:
            async with build(agent_settings(jobs, tmp_path / "scratch")):
                pass
        assert caught.value.code == "scratch_in_use"
        await eventually(lambda: has(agent.app.fleet.timing is not None))


async def test_what_earlier_boots_left_is_deleted_and_nothing_else(jobs: Service, start: Start, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    old = scratch / f"{uuid.uuid4()}.3" / "f"
    old.mkdir(parents=True)
    (old / "0").write_bytes(b"x")
    (scratch / "lost+found").mkdir()
    async with start() as agent:
        await eventually(lambda: has(agent.scratch == ["lost+found"]))


async def forget_uploads(s3: Any, bucket: str) -> None:
    """Abort every upload there is, behind everybody's back."""
    uploads = (await s3.list_multipart_uploads(Bucket=bucket)).get("Uploads", [])
    assert uploads
    for upload in uploads:
        await s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


async def lapsed(agent: Working) -> bool:
    return all(run.tenure.remaining(boottime()) <= 0 for run in agent.app.fleet.runs.values())


async def queued(jobs: Service, job: model.Job) -> bool:
    return bool(
        await jobs.value(
            "SELECT t.state = 'queued' FROM transfers t JOIN jobs j USING (transfer_id) WHERE j.job_id = $1",
            uuid.UUID(job.job_id),
        )
    )
