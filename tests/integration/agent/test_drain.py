"""Agents that are emptied: by an operator's order, or one after the other while they are started anew."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.agent.conftest import CALM, Start
from tests.integration.agent.heirs import estate_of, received_bytes
from tests.integration.agent.proxy import proxy
from tests.integration.agent.test_s3 import as_jobs
from tests.integration.agent.test_transfers import has, made
from tests.integration.agent.working import Working, assert_stored, completed, listening, reason_code
from tests.integration.jobs.running import Service, World, eventually, running
from tests.integration.jobs.test_drain import drain
from tests.ports import PORTS
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.clock import boottime
from tseeder_testkit.swarm import swarming
from tseeder_testkit.torrents import MIB, FileSpec

FILES = (FileSpec("large", 21 * MIB + 5), FileSpec("other", 8 * MIB))
RATE = 5 * MIB
HAND_OVER = 2.0
IN_FLIGHT = 4 * 5 * MIB
"""What may be lost at one stop of one agent: the parts of its window, and what comes in while it stops."""


@pytest.fixture(scope="module")
async def module_jobs(agent_world: World) -> AsyncIterator[Service]:
    """With leases that no agent loses because the machine is busy."""
    async with running(agent_world, rpc_port=PORTS.pick("jobs"), **CALM) as service:
        yield service


async def holds(jobs: Service, agent: Working, count: int) -> bool:
    """Whether the agent has so many leases."""
    sql = "SELECT count(*) FROM leases WHERE agent_id = $1 AND NOT expired"
    return bool(await jobs.value(sql, agent.settings.agent_id) == count)


async def test_a_drained_agent_sends_what_is_whole_gives_back_and_takes_up_work_when_it_may(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample, user, operator = await made(tmp_path, FILES), jobs.user(), jobs.operator()
    async with swarming(sample, rate=RATE) as lo, start() as agent, as_jobs(jobs.world.s3) as s3:
        received, sent = received_bytes(), agent.sent_bytes()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        async with listening(jobs, job) as shown:
            await eventually(lambda: has(any(each.uploaded_bytes for each in shown)))
        await drain(operator, agent.settings.agent_id)
        await eventually(lambda: holds(jobs, agent, 0))
        await reason_code(user, job, "agent_draining")
        await eventually(agent.is_idle)
        assert agent.scratch == []
        estate = await estate_of(jobs, s3, job)
        assert estate.held_bytes == agent.sent_bytes() - sent > 0
        await asyncio.sleep(2 * agent.settings.claim_seconds)  # it is asked twice, and claims nothing
        assert await holds(jobs, agent, 0)
        assert (await user.job(job)).state == model.JOB_STATE_QUEUED

        await drain(operator, agent.settings.agent_id, order=False)
        await completed(user, job)
        await assert_stored(user, job, sample)
        assert agent.sent_bytes() - sent == sample.total_size, "a part went up twice"
        assert received_bytes() - received <= sample.total_size + IN_FLIGHT


@pytest.mark.faults
async def test_an_upload_that_hangs_holds_no_drain_up(jobs: Service, start: Start, tmp_path: Path) -> None:
    """Every lease is back within twice HAND_OVER_SECONDS: 40 s by default, and 90 s are allowed."""
    samples = [await made(tmp_path / str(number), FILES) for number in range(2)]
    user, operator, endpoint = jobs.user(), jobs.operator(), urlsplit(jobs.world.s3.endpoint)
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(proxy(endpoint.hostname or "", endpoint.port or 0))
        swarms = [await stack.enter_async_context(swarming(sample)) for sample in samples]
        url = f"http://127.0.0.1:{line.port}"
        agent = await stack.enter_async_context(start(s3_endpoint=url, hand_over_seconds=HAND_OVER))
        line.hang()
        pairs = list(zip(samples, swarms, strict=True))
        wanted = [await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url])) for sample, lo in pairs]
        await eventually(lambda: holds(jobs, agent, 2))
        await eventually(lambda: has(line.held > 0))
        ordered_at = boottime()
        await drain(operator, agent.settings.agent_id)
        await eventually(lambda: holds(jobs, agent, 0))
        took = boottime() - ordered_at
        assert took <= 2 * HAND_OVER + 5, f"it took {took:.1f} s"
        for job in wanted:
            await reason_code(user, job, "agent_draining")
        await eventually(agent.is_idle)
        line.heal()
        await drain(operator, agent.settings.agent_id, order=False)
        for job, sample in zip(wanted, samples, strict=True):
            await completed(user, job)
            await assert_stored(user, job, sample)


@pytest.mark.faults
async def test_a_rolling_restart_loses_what_was_in_flight_and_no_more(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    """Three agents are stopped and started one after the other, while they run four transfers."""
    samples = [await made(tmp_path / str(number), FILES) for number in range(4)]
    users = [jobs.user() for _ in samples]
    async with AsyncExitStack() as stack:
        fleet = [await started(stack, start, tmp_path, number) for number in range(3)]
        before = fleet[0][1].sent_bytes(), received_bytes()
        swarms = [await stack.enter_async_context(swarming(sample, rate=RATE)) for sample in samples]
        wanted = [
            await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
            for user, sample, lo in zip(users, samples, swarms, strict=True)
        ]
        stops = 0
        for number in range(3):
            seen = fleet[0][1].sent_bytes()
            await eventually(lambda seen=seen: has(fleet[0][1].sent_bytes() > seen))  # type: ignore[misc]
            own, agent = fleet[number]
            stops += len(agent.app.fleet.runs)
            await own.aclose()
            fleet[number] = await started(stack, start, tmp_path, number)
        for user, job, sample in zip(users, wanted, samples, strict=True):
            await completed(user, job)
            await assert_stored(user, job, sample)
        total = sum(sample.total_size for sample in samples)
        assert fleet[0][1].sent_bytes() - before[0] == total, "a part went up twice"
        assert received_bytes() - before[1] <= total + stops * IN_FLIGHT
        assert await outcomes(jobs, wanted) <= {"released", "stored"}, "a lease was left to run out"


async def started(stack: AsyncExitStack, start: Start, folder: Path, number: int) -> tuple[AsyncExitStack, Working]:
    """An agent that can be stopped by itself."""
    own = await stack.enter_async_context(AsyncExitStack())
    name = f"rolling-{number}"
    settings: dict[str, Any] = {"agent_id": name, "scratch_dir": folder / name, "transfers": 2}
    return own, await own.enter_async_context(start(**settings))


async def outcomes(jobs: Service, wanted: Iterable[model.Job]) -> set[str]:
    """How all the leases ended."""
    sql = "SELECT a.outcome FROM attempts a JOIN jobs j USING (transfer_id) WHERE j.job_id = ANY($1)"
    return {row["outcome"] for row in await jobs.rows(sql, [uuid.UUID(job.job_id) for job in wanted])}
